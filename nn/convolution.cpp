#include "polder/nn/convolution.h"

#include <algorithm>

#include "polder/autograd/functions.h"

namespace polder::nn {

Conv2d::Conv2d(const Build& build, std::int64_t in, std::int64_t out, std::int64_t kernel,
               const Conv2dOptions& options)
    : label_(build.label("Conv2d")),
      in_(in),
      kernel_(kernel),
      stride_(options.stride),
      padding_(options.padding),
      groups_(options.groups) {
  require(in > 0 && out > 0 && kernel > 0 && stride_ > 0 && padding_ >= 0,
          "{}: {} to {} channels, kernel {}, stride {}, padding {}: wanted positive numbers",
          label_, in, out, kernel, stride_, padding_);
  require(groups_ > 0 && in % groups_ == 0 && out % groups_ == 0,
          "{}: {} groups do not divide {} to {} channels", label_, groups_, in, out);
  weight_ = add_parameter(
      "weight", SegmentKind::weight,
      init::draw(build, "weight", {out, kernel, kernel, in / groups_}, options.weight));
  if (options.bias)
    bias_ =
        add_parameter("bias", SegmentKind::bias, init::draw(build, "bias", {out}, init::zeros()));
}

Variable Conv2d::forward(const Variable& x, Pass& pass) {
  require(x.rank() == 4 && x.size(-1) == in_, "{}: input {}, wanted [N, H, W, {}]", label_,
          x.shape(), in_);
  require(std::min(x.size(1), x.size(2)) + 2 * padding_ >= kernel_,
          "{}: input {} with padding {} is smaller than the window {} x {}", label_, x.shape(),
          padding_, kernel_, kernel_);
  if (pass.convolutions != nullptr)
    pass.convolutions->push_back({x.shape(), weight_.shape(), stride_, padding_, groups_});
  const Variable y = autograd::conv2d(x, weight_, stride_, padding_, groups_);
  return bias_.defined() ? autograd::add(y, bias_, autograd::Broadcast::trailing) : y;
}

std::vector<ConvolutionSizes> convolutions_of(Module& model, const Shape& sample,
                                              std::int64_t images) {
  require(sample.rank() == 3, "convolutions_of: sample {}, wanted [H, W, C]", sample);
  const std::vector<Parameter> parameters = model.parameters();
  if (parameters.empty()) return {};
  const Variable& weight = parameters.front().variable;
  std::vector<ConvolutionSizes> found;
  Pass pass{.training = false, .convolutions = &found};
  const autograd::RecordingGuard nothing(false);
  const Shape one{1, sample[0], sample[1], sample[2]};
  model.forward(Variable(Tensor::zeros(one, weight.dtype(), weight.device())), pass);
  for (ConvolutionSizes& sizes : found) sizes.x = sizes.x.with(0, images);
  return found;
}

}  // namespace polder::nn
