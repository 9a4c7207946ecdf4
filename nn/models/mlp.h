#pragma once

#include "polder/nn/sequential.h"

namespace polder::nn {

struct MlpOptions {
  std::vector<std::int64_t> hidden = {256, 128};
  std::string activation = "relu";
};

/// A multi-layer perceptron: [n, ...] is flattened to [n, inputs], then fc1, activation, fc2, ...,
/// and a linear output [n, classes].
/// Source: Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors",
/// Nature 1986.
std::shared_ptr<Sequential> mlp(std::int64_t inputs, std::int64_t classes, const Build& build,
                                const MlpOptions& options = {});

}  // namespace polder::nn
