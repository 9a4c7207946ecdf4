#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "polder/core/dtype.h"

// How far a result may lie from a float64 oracle: the one place that decides it.
namespace polder::kernels::testing {

/// Distance from 1 to the next number of the type.
inline double unit(DType dtype) {
  return dtype == DType::float64 ? std::numeric_limits<double>::epsilon()
                                 : static_cast<double>(std::numeric_limits<float>::epsilon());
}

/// Where the error of a result comes from: `terms` numbers of size up to `size` were added, each
/// rounded to the type. Random roundings grow like the square root of their number.
struct Rounding {
  double terms = 1;
  double size = 1;
};

/// Absolute error allowed to a result of the type whose true value is `expected`: a few units of
/// the value itself (a function or two was taken) and of the sum that it was formed from.
inline double tolerance(DType dtype, double expected, Rounding rounding) {
  constexpr double kUnits = 8;
  return kUnits * unit(dtype) * (std::abs(expected) + std::sqrt(rounding.terms) * rounding.size);
}

}  // namespace polder::kernels::testing
