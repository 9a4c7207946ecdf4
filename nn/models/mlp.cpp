#include "polder/nn/models/mlp.h"

#include "polder/nn/activation.h"
#include "polder/nn/linear.h"
#include "polder/nn/pooling.h"

namespace polder::nn {

std::shared_ptr<Sequential> mlp(std::int64_t inputs, std::int64_t classes, const Build& build,
                                const MlpOptions& options) {
  const LinearOptions hidden{.weight = activation_named(options.activation).weight};
  const LinearOptions output{.weight = init::kaiming_normal(1.0)};  // no rectifier follows
  auto net = std::make_shared<Sequential>(build);
  net->add<Flatten>("flatten");
  std::int64_t width = inputs;
  int depth = 1;
  for (const std::int64_t next : options.hidden) {
    net->add<Linear>(fmt::format("fc{}", depth), width, next, hidden);
    net->add<Activation>(fmt::format("act{}", depth), options.activation);
    width = next;
    ++depth;
  }
  net->add<Linear>(fmt::format("fc{}", depth), width, classes, output);
  return net;
}

}  // namespace polder::nn
