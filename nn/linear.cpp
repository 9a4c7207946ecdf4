#include "polder/nn/linear.h"

#include "polder/autograd/functions.h"

namespace polder::nn {

Linear::Linear(const Build& build, std::int64_t in, std::int64_t out, const LinearOptions& options)
    : label_(build.label("Linear")) {
  require(in > 0 && out > 0, "{}: {} to {} features, wanted positive numbers", label_, in, out);
  weight_ = add_parameter("weight", SegmentKind::weight,
                          init::draw(build, "weight", {out, in}, options.weight));
  if (options.bias)
    bias_ =
        add_parameter("bias", SegmentKind::bias, init::draw(build, "bias", {out}, init::zeros()));
}

Variable Linear::forward(const Variable& x, Pass&) {
  const std::int64_t in = weight_.size(1);
  require(x.rank() >= 2 && x.size(-1) == in, "{}: input {}, wanted [rows, {}]", label_, x.shape(),
          in);
  if (x.rank() == 2) return autograd::linear(x, weight_, bias_);
  const Variable rows = autograd::reshape(x, {x.shape().numel() / in, in});
  return autograd::reshape(autograd::linear(rows, weight_, bias_),
                           x.shape().with(-1, weight_.size(0)));
}

}  // namespace polder::nn
