#include "polder/nn/models/wide_resnet.h"

#include "polder/autograd/functions.h"
#include "polder/nn/activation.h"
#include "polder/nn/dropout.h"
#include "polder/nn/linear.h"
#include "polder/nn/models/resnet.h"
#include "polder/nn/normalization.h"
#include "polder/nn/pooling.h"

namespace polder::nn {
namespace {

/// y = shortcut + conv2(dropout(relu(bn2(conv1(o))))), o = relu(bn1(x))
class WideBlock final : public Module {
 public:
  WideBlock(const Build& build, std::int64_t in, std::int64_t out, std::int64_t stride,
            double dropout)
      : bn1_(make<BatchNorm>(build, "bn1", in)),
        conv1_(make<Conv2d>(build, "conv1", in, out, 3, residual_convolution(stride, 1))),
        bn2_(make<BatchNorm>(build, "bn2", out)),
        dropout_(make<Dropout>(build, "dropout", dropout)),
        conv2_(make<Conv2d>(build, "conv2", out, out, 3, residual_convolution(1, 1))) {
    if (in != out || stride != 1)
      shortcut_ = make<Conv2d>(build, "shortcut", in, out, 1, residual_convolution(stride, 0));
  }

  Variable forward(const Variable& x, Pass& pass) override {
    const Variable o = autograd::relu(bn1_->forward(x, pass));
    Variable y = autograd::relu(bn2_->forward(conv1_->forward(o, pass), pass));
    y = conv2_->forward(dropout_->forward(y, pass), pass);
    return autograd::add(y, shortcut_ ? shortcut_->forward(o, pass) : x);
  }

 private:
  std::shared_ptr<BatchNorm> bn1_;
  std::shared_ptr<Conv2d> conv1_;
  std::shared_ptr<BatchNorm> bn2_;
  std::shared_ptr<Dropout> dropout_;
  std::shared_ptr<Conv2d> conv2_, shortcut_;
};

}  // namespace

std::shared_ptr<Sequential> wide_resnet(std::int64_t channels, std::int64_t classes,
                                        const Build& build, const WideResNetOptions& options) {
  require(options.depth >= 10 && options.depth % 6 == 4, "wide_resnet: depth {}, wanted 6n + 4",
          options.depth);
  require(options.widen > 0, "wide_resnet: widening factor {}, wanted a positive number",
          options.widen);
  auto net = std::make_shared<Sequential>(build);
  std::int64_t width = 16;
  net->add<Conv2d>("conv1", channels, width, 3, residual_convolution(1, 1));
  for (int s = 0; s < 3; ++s) {
    const std::int64_t out = (16 << s) * options.widen;
    auto& stage = net->add<Sequential>(fmt::format("stage{}", s + 1));
    for (int b = 0; b < (options.depth - 4) / 6; ++b) {
      const std::int64_t stride = s > 0 && b == 0 ? 2 : 1;
      stage.add<WideBlock>(fmt::format("block{}", b + 1), width, out, stride, options.dropout);
      width = out;
    }
  }
  net->add<BatchNorm>("bn1", width);
  net->add<Activation>("act1", "relu");
  net->add<GlobalAveragePool>("pool");
  net->add<Linear>("fc", width, classes, LinearOptions{.weight = init::kaiming_normal(1.0)});
  return net;
}

}  // namespace polder::nn
