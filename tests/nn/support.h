#pragma once

#include <string>
#include <vector>

#include "polder/core/error.h"
#include "polder/core/random.h"
#include "polder/core/tensor.h"

namespace polder::nn {

/// The sentence of the Error that f throws.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// Standard normal float64 values of a named stream.
inline Tensor random_tensor(const Shape& shape, const std::string& stream, std::uint64_t seed = 1) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = normal(random_key(seed, stream), i);
  return Tensor::from(values, shape);
}

}  // namespace polder::nn
