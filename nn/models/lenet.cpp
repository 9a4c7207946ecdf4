#include "polder/nn/models/lenet.h"

#include "polder/nn/activation.h"
#include "polder/nn/convolution.h"
#include "polder/nn/linear.h"
#include "polder/nn/pooling.h"

namespace polder::nn {
namespace {

void add_pool(Sequential& net, const std::string& name, Pooling pooling) {
  if (pooling == Pooling::max)
    net.add<MaxPool>(name, square_window(2, 2));
  else
    net.add<AveragePool>(name, square_window(2, 2));
}

}  // namespace

std::shared_ptr<Sequential> lenet(const Shape& input, std::int64_t classes, const Build& build,
                                  const LeNetOptions& options) {
  require(input.rank() == 3 && input[0] >= 12 && input[1] >= 12,
          "lenet: input {}, wanted [H, W, C] of at least 12 x 12", input);
  const std::int64_t padding = input[0] < 32 || input[1] < 32 ? 2 : 0;
  const auto pooled = [&](std::int64_t size) { return ((size + 2 * padding - 4) / 2 - 4) / 2; };
  const std::int64_t features = pooled(input[0]) * pooled(input[1]) * 16;
  const init::Initialiser scheme = activation_named(options.activation).weight;

  auto net = std::make_shared<Sequential>(build);
  net->add<Conv2d>("conv1", input[2], 6, 5, Conv2dOptions{.padding = padding, .weight = scheme});
  net->add<Activation>("act1", options.activation);
  add_pool(*net, "pool1", options.pooling);
  net->add<Conv2d>("conv2", 6, 16, 5, Conv2dOptions{.weight = scheme});
  net->add<Activation>("act2", options.activation);
  add_pool(*net, "pool2", options.pooling);
  net->add<Flatten>("flatten");
  net->add<Linear>("fc1", features, 120, LinearOptions{.weight = scheme});
  net->add<Activation>("act3", options.activation);
  net->add<Linear>("fc2", 120, 84, LinearOptions{.weight = scheme});
  net->add<Activation>("act4", options.activation);
  net->add<Linear>("fc3", 84, classes, LinearOptions{.weight = init::kaiming_normal(1.0)});
  return net;
}

}  // namespace polder::nn
