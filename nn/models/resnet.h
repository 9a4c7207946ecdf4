#pragma once

#include "polder/nn/convolution.h"
#include "polder/nn/sequential.h"

namespace polder::nn {

/// What a residual block adds when its shape changes. A: every second pixel, new channels zero, no
/// weights. B: a strided 1x1 convolution with batch norm.
enum class Shortcut { a, b };

struct ResNetOptions {
  std::vector<std::int64_t> widths;  // channels of each stage; stages after the first halve H and W
  std::vector<std::int64_t> blocks;  // residual blocks of each stage
  Shortcut shortcut = Shortcut::a;
  std::string activation = "relu";
};

/// Residual network in its form for small images (CIFAR): 3x3 stem, no initial pooling, stages of
/// basic blocks f(x + bn(conv(f(bn(conv(x)))))), global average pooling, linear.
/// He, Zhang, Ren, Sun, "Deep residual learning for image recognition", arXiv 1512.03385, sec. 4.2.
/// Input [n, H, W, channels].
std::shared_ptr<Sequential> resnet(std::int64_t channels, std::int64_t classes, const Build& build,
                                   const ResNetOptions& options);

/// Depth 6n + 2 (20, 32, 56, ...): widths 16, 32, 64, n blocks each, option A. Depth 18: widths 64,
/// 128, 256, 512, two blocks each, option B (the ImageNet network on the CIFAR stem).
/// Throws Error on another depth.
ResNetOptions resnet_of_depth(int depth);

/// Convolutions as residual networks have them: no bias, since a batch norm follows or the sum goes
/// into one, and weights that keep the variance of gradients (He, Fan::out).
Conv2dOptions residual_convolution(std::int64_t stride, std::int64_t padding);

}  // namespace polder::nn
