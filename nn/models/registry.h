#pragma once

#include "polder/nn/module.h"

namespace polder::nn {

/// What can be set on a model by name. An empty or zero value means the architecture's default.
struct ModelOptions {
  std::vector<std::int64_t> hidden{};  // mlp: widths of the hidden layers
  std::string activation{};            // mlp, lenet, resnet*
  double dropout = 0.0;                // wide_resnet*: rate inside the blocks
};

/// "mlp", "lenet", "resnet18", "resnet20", "resnet32", "resnet56", "wide_resnet16_8",
/// "wide_resnet28_10".
std::vector<std::string> model_names();

/// A model for samples of shape `input` ([H, W, C]; any shape for mlp) and `classes` outputs.
/// Throws Error on an unknown name (naming the nearest), on an input shape that the architecture
/// does not take, and on an option that it does not have.
ModulePtr make_model(std::string_view name, const Shape& input, std::int64_t classes,
                     const Build& build, const ModelOptions& options = {});

}  // namespace polder::nn
