#include "polder/autograd/results.h"

namespace polder::autograd {

Tensor empty_like(const Tensor& x) { return empty_like(x, x.shape()); }

Tensor empty_like(const Tensor& x, const Shape& shape) {
  return Tensor::empty(shape, x.dtype(), x.device());
}

Tensor full_like(const Tensor& x, double value) { return full_like(x, x.shape(), value); }

Tensor full_like(const Tensor& x, const Shape& shape, double value) {
  Tensor y = empty_like(x, shape);
  kernels::backend_of(y).fill(value, y);
  return y;
}

DType gradient_type(const Variable& x) {
  return x.is_leaf() ? accumulation_type(x.dtype()) : x.dtype();
}

void require_same_kind(std::string_view function, const Variable& a, const Variable& b) {
  require(a.dtype() == b.dtype(), "{}: element types differ: {} and {}", function, a.dtype(),
          b.dtype());
  require(a.device() == b.device(), "{}: devices differ: {} and {}", function, a.device(),
          b.device());
}

void require_broadcast(std::string_view function, const Shape& a, const Shape& b,
                       kernels::Broadcast broadcast) {
  if (broadcast == kernels::Broadcast::none) {
    require(a == b, "{}: shapes differ: {} and {}", function, a, b);
    return;
  }
  const bool trailing = broadcast == kernels::Broadcast::trailing;
  const bool fits =
      b.rank() <= a.rank() && b == (trailing ? a.trailing(b.rank()) : a.leading(b.rank()));
  require(fits, "{}: {} is not the {} axes of {}", function, b, trailing ? "last" : "first", a);
}

void require_int64(std::string_view function, const Tensor& index) {
  require(index.defined() && index.dtype() == DType::int64,
          "{}: labels and indices {}, wanted int64", function,
          index.defined() ? to_string(index.dtype()) : "undefined");
}

Tensor as_rows(const Tensor& x) { return x.reshape({x.shape().without(-1).numel(), x.size(-1)}); }

Tensor as_samples(const Tensor& x) { return x.reshape({x.size(0), x.shape().without(0).numel()}); }

kernels::AxisView around(const Shape& shape, int axis) {
  const int at = shape.axis(axis);
  return {shape.leading(at).numel(), shape[at], shape.trailing(shape.rank() - at - 1).numel()};
}

}  // namespace polder::autograd
