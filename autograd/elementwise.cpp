#include <numbers>

#include "polder/autograd/functions.h"
#include "polder/autograd/results.h"

namespace polder::autograd {
namespace {

using kernels::Unary;

/// y = f(x), with dx = derivative(y, dy) written in differentiable functions.
template <class Derivative>
Variable unary(Unary f, const Variable& x, Derivative derivative) {
  Tensor y = empty_like(x.value());
  kernels::backend_of(y).unary(f, x.value(), y);
  const auto gradient = [f, x, derivative](const Variable& result, const Variable& dy,
                                           const Needs&) -> Variables {
    if (recording()) return {derivative(result, dy)};
    Tensor dx = empty_like(dy.value());
    kernels::backend_of(dx).unary_backward(f, x.value(), result.value(), dy.value(), dx);
    return {Variable(dx)};
  };
  return Variable::result(y, {x}, gradient);
}

/// f(x) as a constant, for functions whose derivative is zero wherever it exists.
Variable constant(Unary f, const Variable& x) {
  Tensor y = empty_like(x.value());
  kernels::backend_of(y).unary(f, x.value(), y);
  return Variable(y);
}

}  // namespace

Variable neg(const Variable& x) {
  return unary(Unary::neg, x, [](const Variable&, const Variable& dy) { return neg(dy); });
}

Variable abs(const Variable& x) {
  return unary(Unary::abs, x, [x](const Variable&, const Variable& dy) {
    return mul(dy, constant(Unary::sign, x));
  });
}

Variable square(const Variable& x) {
  return unary(Unary::square, x,
               [x](const Variable&, const Variable& dy) { return mul(dy, affine(x, 2.0)); });
}

Variable sqrt(const Variable& x) {
  return unary(Unary::sqrt, x,
               [](const Variable& y, const Variable& dy) { return affine(div(dy, y), 0.5); });
}

Variable rsqrt(const Variable& x) {
  return unary(Unary::rsqrt, x, [](const Variable& y, const Variable& dy) {
    return affine(mul(dy, mul(y, square(y))), -0.5);
  });
}

Variable reciprocal(const Variable& x) {
  return unary(Unary::reciprocal, x,
               [](const Variable& y, const Variable& dy) { return neg(mul(dy, square(y))); });
}

Variable exp(const Variable& x) {
  return unary(Unary::exp, x, [](const Variable& y, const Variable& dy) { return mul(dy, y); });
}

Variable log(const Variable& x) {
  return unary(Unary::log, x, [x](const Variable&, const Variable& dy) { return div(dy, x); });
}

Variable erf(const Variable& x) {
  return unary(Unary::erf, x, [x](const Variable&, const Variable& dy) {
    return mul(dy, affine(exp(neg(square(x))), 2.0 * std::numbers::inv_sqrtpi));
  });
}

Variable tanh(const Variable& x) {
  return unary(Unary::tanh, x, [](const Variable& y, const Variable& dy) {
    return mul(dy, affine(square(y), -1.0, 1.0));
  });
}

Variable sigmoid(const Variable& x) {
  return unary(Unary::sigmoid, x, [](const Variable& y, const Variable& dy) {
    return mul(dy, mul(y, affine(y, -1.0, 1.0)));
  });
}

Variable relu(const Variable& x) {
  return unary(Unary::relu, x, [x](const Variable&, const Variable& dy) {
    return mul(dy, constant(Unary::step, x));
  });
}

Variable gelu(const Variable& x) {
  return unary(Unary::gelu, x, [x](const Variable&, const Variable& dy) {
    const double inv_sqrt2 = 1.0 / std::numbers::sqrt2;
    const Variable distribution = affine(erf(affine(x, inv_sqrt2)), 0.5, 0.5);
    const Variable density =
        affine(exp(affine(square(x), -0.5)), inv_sqrt2 * std::numbers::inv_sqrtpi);
    return mul(dy, add(distribution, mul(x, density)));
  });
}

}  // namespace polder::autograd
