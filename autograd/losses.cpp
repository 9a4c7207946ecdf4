#include "polder/autograd/functions.h"
#include "polder/autograd/results.h"

namespace polder::autograd {
namespace {

Tensor target_distribution(const Tensor& x, const Tensor& labels, double smoothing) {
  Tensor target = empty_like(x);
  kernels::backend_of(x).one_hot(labels, smoothing, target);
  return target;
}

}  // namespace

Variable cross_entropy(const Variable& x, const Tensor& labels, double smoothing) {
  require(x.rank() == 2, "cross_entropy: x {}, wanted [rows, classes]", x.shape());
  require_int64("cross_entropy", labels);
  require(labels.shape() == Shape{x.size(0)}, "cross_entropy: labels {} for x {}", labels.shape(),
          x.shape());
  require(smoothing >= 0.0 && smoothing <= 1.0, "cross_entropy: smoothing {} is outside [0, 1]",
          smoothing);
  Tensor losses = empty_like(x.value(), {x.size(0)});
  kernels::backend_of(x.value()).cross_entropy(x.value(), labels, smoothing, losses);
  const auto gradient = [x, labels, smoothing](const Variable&, const Variable& dlosses,
                                               const Needs&) -> Variables {
    if (recording()) {
      const Variable target(target_distribution(x.value(), labels, smoothing));
      return {mul(sub(softmax(x), target), dlosses, Broadcast::leading)};
    }
    Tensor dx = empty_like(x.value());
    kernels::backend_of(dx).cross_entropy_backward(x.value(), labels, smoothing, dlosses.value(),
                                                   dx);
    return {Variable(dx)};
  };
  return Variable::result(losses, {x}, gradient);
}

Variable mean_squared_error(const Variable& x, const Variable& target) {
  require_same_kind("mean_squared_error", x, target);
  require(x.rank() > 0 && x.shape() == target.shape(),
          "mean_squared_error: x {} and target {}, wanted one shape [rows, ...]", x.shape(),
          target.shape());
  const std::int64_t rows = x.size(0);
  const std::int64_t n = x.shape().without(0).numel();
  return mean(reshape(square(sub(x, target)), {rows, n}), 1);
}

}  // namespace polder::autograd
