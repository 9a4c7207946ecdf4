#pragma once

#include <string>

#include "polder/nn/parameter_arena.h"
#include "test_support.h"

namespace polder::nn {

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
