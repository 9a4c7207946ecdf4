#pragma once

#include <type_traits>
#include <utility>

#include "polder/core/error.h"
#include "polder/core/tensor.h"

namespace polder::kernels::cpu {

/// Calls f(T{}) with T = float or double, the element type a floating tensor holds.
template <class F>
decltype(auto) with_float(DType dtype, F&& f) {
  require(dtype == DType::float32 || dtype == DType::float64,
          "cpu: element type {} found, float32 or float64 wanted", dtype);
  return dtype == DType::float32 ? f(float{}) : f(double{});
}

/// Calls f(T{}) with the storage type, whichever it is.
template <class F>
void with_any(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float32:
      return f(float{});
    case DType::float64:
      return f(double{});
    case DType::bfloat16:
      return f(bfloat16{});
    case DType::int64:
      return f(std::int64_t{});
  }
}

/// Calls f(std::true_type{}) or f(std::false_type{}): a decision made once, outside a loop.
template <class F>
void with_flag(bool flag, F&& f) {
  if (flag)
    f(std::true_type{});
  else
    f(std::false_type{});
}

/// The value of a 0-d float64 tensor.
inline double scalar(const Tensor& x) { return *x.data<double>(); }

}  // namespace polder::kernels::cpu
