#include "polder/autograd/functions.h"
#include "polder/autograd/results.h"

namespace polder::autograd {
namespace {

using kernels::AxisView;

// Summing over axes and repeating along them are adjoint: each is the gradient of the other.
Variable repeat_along(const Variable& x, AxisView view, const Shape& shape);

Variable sum_along(const Variable& x, AxisView view, const Shape& shape, DType dtype) {
  Tensor y = Tensor::empty(shape, dtype, x.device());
  kernels::backend_of(y).reduce(kernels::Reduction::sum, x.value(), view, y);
  const auto gradient = [view, x_shape = x.shape()](const Variable&, const Variable& dy,
                                                    const Needs&) -> Variables {
    return {repeat_along(dy, view, x_shape)};
  };
  return Variable::result(y, {x}, gradient);
}

Variable sum_along(const Variable& x, AxisView view, const Shape& shape) {
  return sum_along(x, view, shape, x.dtype());
}

Variable repeat_along(const Variable& x, AxisView view, const Shape& shape) {
  Tensor y = empty_like(x.value(), shape);
  kernels::backend_of(y).expand(x.value(), view, y);
  const auto gradient = [view, x_shape = x.shape()](const Variable&, const Variable& dy,
                                                    const Needs&) -> Variables {
    return {sum_along(dy, view, x_shape)};
  };
  return Variable::result(y, {x}, gradient);
}

/// The large shape around the axes along which `broadcast` repeats the small one.
AxisView repeated(std::string_view function, const Shape& large, const Shape& small,
                  Broadcast broadcast) {
  require_broadcast(function, large, small, broadcast);
  const int axes = large.rank() - small.rank();
  if (broadcast == Broadcast::trailing) return {1, large.leading(axes).numel(), small.numel()};
  return {small.numel(), large.trailing(axes).numel(), 1};
}

Variable divided(const Variable& total, std::int64_t count) {
  require(count > 0, "mean: no elements to average");
  return affine(total, 1.0 / static_cast<double>(count));
}

/// 1 where an element is the largest of its row (the first of equals), else 0.
Tensor largest_mask(const Tensor& x) {
  const Tensor rows = as_rows(x);
  Tensor index = Tensor::empty({rows.size(0)}, DType::int64, x.device());
  kernels::backend_of(x).arg_max(rows, index);
  Tensor mask = empty_like(rows);
  kernels::backend_of(x).one_hot(index, 0.0, mask);
  return mask.reshape(x.shape());
}

Variable max_of_rows(const Variable& x) {
  Tensor y = empty_like(x.value(), x.shape().without(-1));
  const AxisView view = around(x.shape(), -1);
  kernels::backend_of(y).reduce(kernels::Reduction::max, x.value(), view, y);
  const auto gradient = [x, view](const Variable&, const Variable& dy, const Needs&) -> Variables {
    return {mul(repeat_along(dy, view, x.shape()), Variable(largest_mask(x.value())))};
  };
  return Variable::result(y, {x}, gradient);
}

}  // namespace

Variable sum(const Variable& x) { return sum_to(x, Shape{}, Broadcast::trailing); }

Variable mean(const Variable& x) { return divided(sum(x), x.value().numel()); }

Variable sum(const Variable& x, int axis) {
  return sum_along(x, around(x.shape(), axis), x.shape().without(axis));
}

Variable mean(const Variable& x, int axis) { return divided(sum(x, axis), x.size(axis)); }

Variable max(const Variable& x, int axis) {
  const int at = x.shape().axis(axis), last = x.rank() - 1;
  require(x.size(at) > 0, "max: no elements along axis {} of {}", axis, x.shape());
  if (at == last) return max_of_rows(x);
  std::vector<int> order;
  for (int k = 0; k < x.rank(); ++k)
    if (k != at) order.push_back(k);
  order.push_back(at);
  return max_of_rows(permute(x, order));
}

Variable sum_to(const Variable& x, const Shape& shape, Broadcast broadcast) {
  return sum_to(x, shape, broadcast, x.dtype());
}

Variable sum_to(const Variable& x, const Shape& shape, Broadcast broadcast, DType dtype) {
  if (x.shape() == shape) return cast(x, dtype);
  return sum_along(x, repeated("sum_to", x.shape(), shape, broadcast), shape, dtype);
}

Variable broadcast_to(const Variable& x, const Shape& shape, Broadcast broadcast) {
  if (x.shape() == shape) return x;
  return repeat_along(x, repeated("broadcast_to", shape, x.shape(), broadcast), shape);
}

}  // namespace polder::autograd
