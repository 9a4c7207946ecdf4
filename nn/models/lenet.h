#pragma once

#include "polder/nn/sequential.h"

namespace polder::nn {

enum class Pooling { max, average };

struct LeNetOptions {
  std::string activation = "relu";
  Pooling pooling = Pooling::max;
};

/// LeNet-5: 5x5 convolution to 6, pool 2x2, 5x5 convolution to 16, pool 2x2, 120, 84, classes.
/// LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
/// Proc. IEEE 1998, with full connections between the maps. ReLU and max pooling by default;
/// {"tanh", Pooling::average} is nearest to the paper, and smooth.
/// `input` is [H, W, C], at least 12 x 12; images smaller than 32 x 32 are padded by 2 as 28 x 28
/// digits are in the paper. Throws Error on another shape.
std::shared_ptr<Sequential> lenet(const Shape& input, std::int64_t classes, const Build& build,
                                  const LeNetOptions& options = {});

}  // namespace polder::nn
