#pragma once

#include <cstdint>
#include <type_traits>

#include "polder/core/error.h"
#include "polder/core/tensor.h"

namespace polder::kernels::POLDER_DEVICE {

/// The elements of an input.
template <class T>
const T* elements(const Tensor& x) {
  return x.data<T>();
}

/// Calls f(T{}) with T = float or double, the element type a floating tensor holds.
template <class F>
void with_float(DType dtype, F&& f) {
  require(dtype == DType::float32 || dtype == DType::float64,
          "device: element type {} found, float32 or float64 wanted", dtype);
  if (dtype == DType::float32)
    f(float{});
  else
    f(double{});
}

/// Calls f(T{}) with T = float, double or bfloat16: for kernels that compute in Wide<T>.
template <class F>
void with_floating(DType dtype, F&& f) {
  if (dtype == DType::bfloat16)
    f(bfloat16{});
  else
    with_float(dtype, f);
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

/// Calls f(std::true_type{}) or f(std::false_type{}): a decision made once, outside a kernel.
template <class F>
void with_flag(bool flag, F&& f) {
  if (flag)
    f(std::true_type{});
  else
    f(std::false_type{});
}

}  // namespace polder::kernels::POLDER_DEVICE
