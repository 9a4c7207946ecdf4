#include "polder/autograd/functions.h"
#include "polder/autograd/results.h"

namespace polder::autograd {
namespace {

using kernels::Binary;

Variable binary(std::string_view function, Binary op, const Variable& a, const Variable& b,
                Broadcast broadcast, GradientFunction gradient) {
  require_same_kind(function, a, b);
  require_broadcast(function, a.shape(), b.shape(), broadcast);
  Tensor y = empty_like(a.value());
  kernels::backend_of(y).binary(op, a.value(), b.value(), broadcast, y);
  return Variable::result(y, {a, b}, std::move(gradient));
}

}  // namespace

Variable add(const Variable& a, const Variable& b, Broadcast broadcast) {
  const auto gradient = [b_shape = b.shape(), b_type = gradient_type(b), broadcast](
                            const Variable&, const Variable& dy, const Needs& needs) -> Variables {
    return {dy, needs[1] ? sum_to(dy, b_shape, broadcast, b_type) : Variable()};
  };
  return binary("add", Binary::add, a, b, broadcast, gradient);
}

Variable sub(const Variable& a, const Variable& b, Broadcast broadcast) {
  const auto gradient = [b_shape = b.shape(), broadcast](const Variable&, const Variable& dy,
                                                         const Needs& needs) -> Variables {
    return {dy, needs[1] ? neg(sum_to(dy, b_shape, broadcast)) : Variable()};
  };
  return binary("sub", Binary::sub, a, b, broadcast, gradient);
}

Variable mul(const Variable& a, const Variable& b, Broadcast broadcast) {
  const auto gradient = [a, b, broadcast](const Variable&, const Variable& dy,
                                          const Needs& needs) -> Variables {
    return {needs[0] ? mul(dy, b, broadcast) : Variable(),
            needs[1] ? sum_to(mul(dy, a), b.shape(), broadcast) : Variable()};
  };
  return binary("mul", Binary::mul, a, b, broadcast, gradient);
}

Variable div(const Variable& a, const Variable& b, Broadcast broadcast) {
  const auto gradient = [b, broadcast](const Variable& y, const Variable& dy,
                                       const Needs& needs) -> Variables {
    // d(a / b) / db = -y / b
    return {needs[0] ? div(dy, b, broadcast) : Variable(),
            needs[1] ? neg(div(sum_to(mul(dy, y), b.shape(), broadcast), b)) : Variable()};
  };
  return binary("div", Binary::div, a, b, broadcast, gradient);
}

Variable affine(const Variable& x, double scale, double shift) {
  Tensor y = empty_like(x.value());
  kernels::backend_of(y).affine(x.value(), scale, shift, y);
  return Variable::result(y, {x},
                          [scale](const Variable&, const Variable& dy, const Needs&) -> Variables {
                            return {affine(dy, scale)};
                          });
}

Variable cast(const Variable& x, DType dtype) {
  require(is_floating(x.dtype()) && is_floating(dtype),
          "cast: from {} to {}, wanted floating types", x.dtype(), dtype);
  if (x.dtype() == dtype) return x;
  Tensor y = Tensor::empty(x.shape(), dtype, x.device());
  kernels::backend_of(y).cast(x.value(), y);
  return Variable::result(
      y, {x},
      [x_type = gradient_type(x)](const Variable&, const Variable& dy, const Needs&) -> Variables {
        return {cast(dy, x_type)};
      });
}

}  // namespace polder::autograd
