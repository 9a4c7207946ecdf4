#pragma once

#include <string>
#include <vector>

#include "polder/core/error.h"
#include "polder/core/random.h"
#include "polder/core/tensor.h"

// What the tests of several rooms share.
namespace polder {

/// The sentence of the Error that f throws, "" when it throws none.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// Standard normal numbers of a named stream.
inline std::vector<double> normal_values(std::int64_t count, const std::string& stream,
                                         std::uint64_t seed = 1) {
  std::vector<double> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = normal(random_key(seed, stream), i);
  return values;
}

/// The same as a float64 tensor.
inline Tensor normal_tensor(const Shape& shape, const std::string& stream, std::uint64_t seed = 1) {
  return Tensor::from(normal_values(shape.numel(), stream, seed), shape);
}

/// Class labels in [0, classes).
inline std::vector<std::int64_t> random_labels(std::int64_t count, std::int64_t classes,
                                               RandomKey key) {
  std::vector<std::int64_t> labels(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < labels.size(); ++i)
    labels[i] = static_cast<std::int64_t>(below(key, i, static_cast<std::uint64_t>(classes)));
  return labels;
}

}  // namespace polder
