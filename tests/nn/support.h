#pragma once

#include <string>
#include <vector>

#include "polder/core/error.h"
#include "polder/core/random.h"
#include "polder/nn/parameter_arena.h"

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

/// Class labels in [0, classes).
inline Tensor random_labels(std::int64_t rows, std::int64_t classes, std::uint64_t seed = 1) {
  std::vector<std::int64_t> labels(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < labels.size(); ++i)
    labels[i] = static_cast<std::int64_t>(
        below(random_key(seed, "labels"), i, static_cast<std::uint64_t>(classes)));
  return Tensor::from(labels, {rows});
}

inline std::int64_t count_weights(const Module& module) {
  std::int64_t count = 0;
  for (const Parameter& parameter : module.parameters())
    count += parameter.variable.shape().numel();
  return count;
}

/// The only parameter of this name.
inline Variable parameter_of(const Module& module, const std::string& name) {
  for (const Parameter& parameter : module.parameters())
    if (parameter.name == name) return parameter.variable;
  fail("no parameter {}", name);
}

inline Tensor buffer_of(const Module& module, const std::string& name) {
  for (const NamedTensor& buffer : module.buffers())
    if (buffer.name == name) return buffer.tensor;
  fail("no buffer {}", name);
}

}  // namespace polder::nn
