#include "polder/autograd/functions.h"
#include "polder/autograd/results.h"

namespace polder::autograd {
namespace {

Tensor target_distribution(const Tensor& x, const Tensor& labels, double smoothing) {
  Tensor target = empty_like(x);
  kernels::backend_of(x).one_hot(labels, smoothing, target);
  return target;
}

/// sum_c p_c (log p_c - log q_c) for each row, p of the target's logits, q of x's.
Tensor divergence(const Variable& x, const Variable& target) {
  const RecordingGuard guard(false);
  const Variable log_ratio = sub(log_softmax(target), log_softmax(x));
  return sum(mul(softmax(target), log_ratio), 1).value();
}

}  // namespace

Variable cross_entropy(const Variable& x, const Tensor& labels, double smoothing) {
  require(x.rank() == 2, "cross_entropy: x {}, wanted [rows, classes]", x.shape());
  require_int64("cross_entropy", labels);
  require(labels.shape() == Shape{x.size(0)}, "cross_entropy: labels {} for x {}", labels.shape(),
          x.shape());
  require(smoothing >= 0.0 && smoothing <= 1.0, "cross_entropy: smoothing {} is outside [0, 1]",
          smoothing);
  Tensor losses = Tensor::empty({x.size(0)}, accumulation_type(x.dtype()), x.device());
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

Variable softmax_divergence(const Variable& x, const Tensor& target) {
  require(x.rank() == 2 && x.shape() == target.shape(),
          "softmax_divergence: x {} and target {}, wanted one shape [rows, classes]", x.shape(),
          target.shape());
  const auto gradient = [x, target](const Variable&, const Variable& dy,
                                    const Needs&) -> Variables {
    return {mul(sub(softmax(x), softmax(Variable(target))), dy, Broadcast::leading)};
  };
  return Variable::result(divergence(x, Variable(target)), {x}, gradient);
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
