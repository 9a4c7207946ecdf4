#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "polder/core/device.h"
#include "polder/core/dtype.h"
#include "polder/core/random.h"

namespace polder::nn {

/// What a layer must know to come into being: where its weights live, what they are made of, and
/// which random numbers they start from. Every parameter draws from a stream of its own, keyed by
/// (seed, "init/<its full name>"), so adding a layer moves no other layer's numbers.
struct Build {
  std::uint64_t seed = 0;
  DType dtype = DType::float32;
  Device device = kCpu;
  std::string scope{};  // dotted name of the layer being built; empty for a whole model

  /// The build of a nested layer.
  Build in(std::string_view name) const;
  /// "<scope>.<name>"
  std::string full_name(std::string_view name) const;
  /// Key of a parameter's initial values.
  RandomKey key(std::string_view parameter) const;
  /// "Linear fc1": how a layer of this type calls itself in messages.
  std::string label(std::string_view type) const;
};

}  // namespace polder::nn
