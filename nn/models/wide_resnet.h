#pragma once

#include "polder/nn/sequential.h"

namespace polder::nn {

struct WideResNetOptions {
  int depth = 28;           // 6n + 4: n blocks in each of three stages
  std::int64_t widen = 10;  // k: stages of 16k, 32k, 64k channels
  double dropout = 0.0;     // rate between the convolutions of a block
};

/// Wide residual network with pre-activation blocks: 3x3 stem of 16 channels, three stages of
/// x + conv(dropout(relu(bn(conv(relu(bn(x))))))), bn, relu, global average pooling, linear. Where
/// the shape changes, a 1x1 convolution of relu(bn(x)) takes the place of x.
/// Zagoruyko & Komodakis, "Wide residual networks", BMVC 2016, arXiv 1605.07146.
/// Input [n, H, W, channels]. Throws Error unless the depth is 6n + 4.
std::shared_ptr<Sequential> wide_resnet(std::int64_t channels, std::int64_t classes,
                                        const Build& build, const WideResNetOptions& options = {});

}  // namespace polder::nn
