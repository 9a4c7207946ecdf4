#include "polder/nn/models/resnet.h"

#include "polder/autograd/functions.h"
#include "polder/nn/activation.h"
#include "polder/nn/linear.h"
#include "polder/nn/normalization.h"
#include "polder/nn/pooling.h"

namespace polder::nn {
namespace {

/// Every second pixel, and zeros for the channels that x does not have.
class PaddedShortcut final : public Module {
 public:
  PaddedShortcut(const Build&, std::int64_t new_channels, std::int64_t stride)
      : new_channels_(new_channels), stride_(stride) {}

  Variable forward(const Variable& x, Pass&) override {
    Variable y = stride_ == 1 ? x : autograd::average_pool2d(x, square_window(1, stride_));
    if (new_channels_ == 0) return y;
    Tensor zeros = Tensor::empty(y.shape().with(-1, new_channels_), y.dtype(), y.device());
    kernels::backend_of(zeros).fill(0.0, zeros);
    return autograd::concatenate({y, Variable(zeros)}, -1);
  }

 private:
  std::int64_t new_channels_, stride_;
};

/// y = f(shortcut(x) + bn2(conv2(f(bn1(conv1(x))))))
class BasicBlock final : public Module {
 public:
  BasicBlock(const Build& build, std::int64_t in, std::int64_t out, std::int64_t stride,
             const ResNetOptions& options)
      : conv1_(make<Conv2d>(build, "conv1", in, out, 3, residual_convolution(stride, 1))),
        bn1_(make<BatchNorm>(build, "bn1", out)),
        conv2_(make<Conv2d>(build, "conv2", out, out, 3, residual_convolution(1, 1))),
        bn2_(make<BatchNorm>(build, "bn2", out)),
        activation_(activation_named(options.activation).apply) {
    if (in == out && stride == 1) return;
    if (options.shortcut == Shortcut::a) {
      require(in <= out, "resnet: option A cannot go from {} to {} channels", in, out);
      shortcut_ = make<PaddedShortcut>(build, "shortcut", out - in, stride);
    } else {
      const auto projection = make<Sequential>(build, "shortcut");
      projection->add<Conv2d>("conv", in, out, 1, residual_convolution(stride, 0));
      projection->add<BatchNorm>("bn", out);
      shortcut_ = projection;
    }
  }

  Variable forward(const Variable& x, Pass& pass) override {
    Variable y = activation_(bn1_->forward(conv1_->forward(x, pass), pass));
    y = bn2_->forward(conv2_->forward(y, pass), pass);
    return activation_(autograd::add(y, shortcut_ ? shortcut_->forward(x, pass) : x));
  }

 private:
  std::shared_ptr<Conv2d> conv1_;
  std::shared_ptr<BatchNorm> bn1_;
  std::shared_ptr<Conv2d> conv2_;
  std::shared_ptr<BatchNorm> bn2_;
  ModulePtr shortcut_;
  Variable (*activation_)(const Variable& x);
};

}  // namespace

std::shared_ptr<Sequential> resnet(std::int64_t channels, std::int64_t classes, const Build& build,
                                   const ResNetOptions& options) {
  require(!options.widths.empty() && options.widths.size() == options.blocks.size(),
          "resnet: {} widths for {} stages", options.widths.size(), options.blocks.size());
  auto net = std::make_shared<Sequential>(build);
  std::int64_t width = options.widths[0];
  net->add<Conv2d>("conv1", channels, width, 3, residual_convolution(1, 1));
  net->add<BatchNorm>("bn1", width);
  net->add<Activation>("act1", options.activation);
  for (std::size_t s = 0; s < options.widths.size(); ++s) {
    auto& stage = net->add<Sequential>(fmt::format("stage{}", s + 1));
    for (std::int64_t b = 0; b < options.blocks[s]; ++b) {
      const std::int64_t stride = s > 0 && b == 0 ? 2 : 1;
      stage.add<BasicBlock>(fmt::format("block{}", b + 1), width, options.widths[s], stride,
                            options);
      width = options.widths[s];
    }
  }
  net->add<GlobalAveragePool>("pool");
  net->add<Linear>("fc", width, classes, LinearOptions{.weight = init::kaiming_normal(1.0)});
  return net;
}

ResNetOptions resnet_of_depth(int depth) {
  if (depth == 18)
    return {.widths = {64, 128, 256, 512}, .blocks = {2, 2, 2, 2}, .shortcut = Shortcut::b};
  require(depth >= 8 && depth % 6 == 2, "resnet: depth {}, wanted 18 or 6n + 2", depth);
  const std::int64_t n = (depth - 2) / 6;
  return {.widths = {16, 32, 64}, .blocks = {n, n, n}, .shortcut = Shortcut::a};
}

Conv2dOptions residual_convolution(std::int64_t stride, std::int64_t padding) {
  return {.stride = stride,
          .padding = padding,
          .bias = false,
          .weight = init::kaiming_normal(init::kRectifierGain, init::Fan::out)};
}

}  // namespace polder::nn
