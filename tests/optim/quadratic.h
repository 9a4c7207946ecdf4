#pragma once

#include <gmock/gmock.h>

#include <cmath>
#include <string>
#include <vector>

#include "polder/verify/quadratic.h"
#include "test_support.h"

namespace polder::optim {

using verify::dense;
using verify::flat_of;
using verify::inner;
using verify::norm;
using verify::plus;
using verify::Quadratic;
using verify::quadratic_batch;
using verify::quadratic_of;
using verify::quadratic_weights;
using verify::QuadraticObjective;
using verify::Vector;

inline Vector random_vector(std::int64_t size, const std::string& stream, std::uint64_t seed) {
  return normal_values(size, stream, seed);
}

/// Every element within `tolerance` of the expected one, in absolute terms.
MATCHER_P2(Near, expected, tolerance, "") {
  if (arg.size() != expected.size()) return false;
  for (std::size_t i = 0; i < arg.size(); ++i)
    if (!(std::abs(arg[i] - expected[i]) <= tolerance)) {
      *result_listener << "element " << i << ": " << arg[i] << " against " << expected[i];
      return false;
    }
  return true;
}

}  // namespace polder::optim
