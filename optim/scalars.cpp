#include "polder/optim/scalars.h"

#include <limits>

namespace polder::optim {

using kernels::AxisView;
using kernels::backend_of;
using kernels::Binary;
using kernels::Broadcast;
using kernels::Reduction;
using kernels::Unary;

namespace {

Tensor make_like(const Tensor& x) { return Tensor::empty(x.shape(), x.dtype(), x.device()); }

Tensor combine(Binary op, const Tensor& a, const Tensor& b) {
  Tensor y = make_like(a);
  const auto broadcast = a.rank() == b.rank() ? Broadcast::none : Broadcast::trailing;
  backend_of(a).binary(op, a, b, broadcast, y);
  return y;
}

/// Two tensors of the same shape as the rows of one: [2, n].
Tensor stack(const Tensor& first, const Tensor& second) {
  const Shape row{1, first.numel()};
  Tensor both = Tensor::empty({2, first.numel()}, first.dtype(), first.device());
  both.slice(0, 1).copy_from(first.reshape(row));
  both.slice(1, 2).copy_from(second.reshape(row));
  return both;
}

}  // namespace

Tensor sum(const Tensor& a, const Tensor& b) { return combine(Binary::add, a, b); }
Tensor difference(const Tensor& a, const Tensor& b) { return combine(Binary::sub, a, b); }
Tensor product(const Tensor& a, const Tensor& b) { return combine(Binary::mul, a, b); }
Tensor quotient(const Tensor& a, const Tensor& b) { return combine(Binary::div, a, b); }

Tensor affine(const Tensor& x, double scale, double shift) {
  Tensor y = make_like(x);
  backend_of(x).affine(x, scale, shift, y);
  return y;
}

Tensor map(Unary f, const Tensor& x) {
  Tensor y = make_like(x);
  backend_of(x).unary(f, x, y);
  return y;
}

Tensor share(const Tensor& a, const Tensor& b) {
  // The least normal number stands in for 0, so that 0 / 0 is 0; no other quotient notices.
  const Tensor least = constant(std::numeric_limits<double>::min(), b.device());
  return quotient(a, larger(b, least));
}

Tensor larger(const Tensor& a, const Tensor& b) { return combine(Binary::max, a, b); }
Tensor smaller(const Tensor& a, const Tensor& b) { return combine(Binary::min, a, b); }

Tensor at_least(const Tensor& a, const Tensor& b) {
  return affine(map(Unary::step, affine(difference(a, b), -1.0)), -1.0, 1.0);
}

Tensor wide(const Tensor& x) {
  Tensor y = Tensor::empty(x.shape(), DType::float64, x.device());
  backend_of(x).cast(x, y);
  return y;
}

Tensor constant(double value, Device device) {
  Tensor y = Tensor::empty(Shape{}, DType::float64, device);
  backend_of(y).fill(value, y);
  return y;
}

Tensor total(const Tensor& x) {
  Tensor y = Tensor::empty(Shape{}, x.dtype(), x.device());
  backend_of(x).reduce(Reduction::sum, x, AxisView{1, x.numel(), 1}, y);
  return y;
}

Tensor average(const Tensor& x) { return affine(total(x), 1.0 / static_cast<double>(x.numel())); }

Tensor all_finite(const Tensor& x) {
  // x - x is 0 for numbers and NaN for the rest; NaN is not larger than 0.
  return map(Unary::step, affine(total(difference(x, x)), 1.0, 1.0));
}

Tensor positive(const Tensor& x) { return product(map(Unary::step, x), all_finite(x)); }

void assign_if(const Tensor& flag, const Tensor& x, Tensor& y) {
  Tensor row = Tensor::empty({1}, DType::int64, y.device());
  backend_of(y).cast(flag.reshape({1}), row);
  Tensor chosen = y.reshape({1, y.numel()});
  backend_of(y).gather_rows(stack(y, x), row, chosen);
}

}  // namespace polder::optim
