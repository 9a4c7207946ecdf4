#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "polder/core/dtype.h"

// How far a result may lie from a float64 oracle: the one place that decides it.
namespace polder::kernels::testing {

/// Distance from 1 to the next number of the type.
inline double unit(DType dtype) {
  if (dtype == DType::bfloat16) return 0x1p-7;
  return dtype == DType::float64 ? std::numeric_limits<double>::epsilon()
                                 : static_cast<double>(std::numeric_limits<float>::epsilon());
}

/// Where the error of a result comes from: `terms` numbers of size up to `size` were added. Their
/// own roundings, in the type, grow like the square root of their number; the running sum, kept in
/// float64, grows like it too and is rounded at every term.
struct Rounding {
  double terms = 1;
  double size = 1;
};

/// Of a sum of products of standard normal numbers that runs in the element type: each rounding is
/// as large as the running sum, which grows like the square root of the terms.
inline Rounding running_sum(double terms) { return {.terms = terms, .size = std::sqrt(terms)}; }

/// Absolute error allowed to a result of the type whose true value is `expected`: a few units of
/// the value itself (a function or two was taken) and of the sum that it was formed from. Sums
/// inside a kernel and inside the oracle are float64: next to a float64 result their own roundings
/// are not small, hence more units there. A bfloat16 result is a float32 result rounded once, by
/// half a unit of itself at most.
inline double tolerance(DType dtype, double expected, Rounding rounding) {
  if (dtype == DType::bfloat16) {
    const double before = tolerance(DType::float32, expected, rounding);
    return before + unit(dtype) / 2 * (std::abs(expected) + before);
  }
  const double units = dtype == DType::float64 ? 64 : 8;
  const double terms = std::sqrt(rounding.terms) * rounding.size;
  const double running_sum = rounding.terms * rounding.size;
  return units * unit(dtype) * (std::abs(expected) + terms) + unit(DType::float64) * running_sum;
}

}  // namespace polder::kernels::testing
