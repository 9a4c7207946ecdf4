#include "polder/autograd/functions.h"
#include "polder/autograd/results.h"

namespace polder::autograd {

Variable softmax(const Variable& x) {
  require(x.rank() > 0, "softmax: a scalar has no axis of classes");
  Tensor y = empty_like(x.value());
  Tensor y_rows = as_rows(y);
  kernels::backend_of(y).softmax(as_rows(x.value()), y_rows);
  const auto gradient = [](const Variable& result, const Variable& dy, const Needs&) -> Variables {
    if (recording()) {
      const Variable inner = sum(mul(dy, result), -1);
      return {mul(result, sub(dy, inner, Broadcast::leading))};
    }
    Tensor dx = empty_like(dy.value());
    Tensor dx_rows = as_rows(dx);
    kernels::backend_of(dx).softmax_backward(as_rows(result.value()), as_rows(dy.value()), dx_rows);
    return {Variable(dx)};
  };
  return Variable::result(y, {x}, gradient);
}

Variable log_softmax(const Variable& x) {
  require(x.rank() > 0, "log_softmax: a scalar has no axis of classes");
  Tensor y = empty_like(x.value());
  Tensor y_rows = as_rows(y);
  kernels::backend_of(y).log_softmax(as_rows(x.value()), y_rows);
  const auto gradient = [](const Variable& result, const Variable& dy, const Needs&) -> Variables {
    if (recording()) return {sub(dy, mul(exp(result), sum(dy, -1), Broadcast::leading))};
    Tensor dx = empty_like(dy.value());
    Tensor dx_rows = as_rows(dx);
    kernels::backend_of(dx).log_softmax_backward(as_rows(result.value()), as_rows(dy.value()),
                                                 dx_rows);
    return {Variable(dx)};
  };
  return Variable::result(y, {x}, gradient);
}

}  // namespace polder::autograd
