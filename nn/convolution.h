#pragma once

#include "polder/nn/init.h"
#include "polder/nn/module.h"

namespace polder::nn {

struct Conv2dOptions {
  std::int64_t stride = 1;
  std::int64_t padding = 0;
  std::int64_t groups = 1;
  bool bias = true;
  init::Initialiser weight = init::kaiming_normal();
};

/// Convolution with square windows: x [N, H, W, in] -> [N, Ho, Wo, out],
/// Ho = floor((H + 2 padding - kernel) / stride) + 1. Weight [out, kernel, kernel, in / groups];
/// bias [out] starts at zero. Throws Error naming the layer when x is not [N, H, W, in], when the
/// window does not fit, or when groups do not divide the channels.
class Conv2d final : public Module {
 public:
  Conv2d(const Build& build, std::int64_t in, std::int64_t out, std::int64_t kernel,
         const Conv2dOptions& options = {});
  Variable forward(const Variable& x, Pass& pass) override;

 private:
  std::string label_;
  std::int64_t in_, kernel_, stride_, padding_, groups_;
  Variable weight_, bias_;
};

/// Sizes of one convolution: input [N, H, W, in], weight [out, K, K, in / groups].
struct ConvolutionSizes {
  Shape x, w;
  std::int64_t stride = 1, padding = 0, groups = 1;

  bool operator==(const ConvolutionSizes&) const = default;
};

/// The convolutions of a model in forward order, for `images` samples of shape `sample` ([H, W,
/// C]). Found by running it once on a single sample, without training.
std::vector<ConvolutionSizes> convolutions_of(Module& model, const Shape& sample,
                                              std::int64_t images);

}  // namespace polder::nn
