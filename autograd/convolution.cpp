#include "polder/autograd/functions.h"
#include "polder/autograd/results.h"

/// Convolution is bilinear. With T(x, w, dy) = <dy, conv2d(x, w)>, each of the three functions here
/// is the derivative of T in one argument, so their gradients are each other:
///
///   y  = conv2d(x, w)                   dT / d(dy)
///   dx = conv2d_input_gradient(dy, w)   dT / dx
///   dw = conv2d_weight_gradient(x, dy)  dT / dw
namespace polder::autograd {
namespace {

struct Geometry {
  std::int64_t stride, padding, groups;

  Window window(const Shape& w) const { return {w[1], w[2], stride, stride, padding, padding}; }
};

/// Shape of conv2d(x, w), or Error.
Shape output_shape(std::string_view function, const Shape& x, const Shape& w, Geometry geometry) {
  const auto [stride, padding, groups] = geometry;
  require(x.rank() == 4 && w.rank() == 4,
          "{}: x {} and w {}, wanted [N, H, W, Ci] and [Co, Kh, Kw, Ci / groups]", function, x, w);
  require(stride >= 1 && padding >= 0, "{}: stride {} and padding {}, wanted at least 1 and 0",
          function, stride, padding);
  require(groups >= 1 && w[0] % groups == 0 && x[3] == w[3] * groups,
          "{}: channels of x {} and w {} do not fit {} groups", function, x, w, groups);
  require(w[1] >= 1 && w[2] >= 1 && x[1] + 2 * padding >= w[1] && x[2] + 2 * padding >= w[2],
          "{}: the kernel of w {} does not fit into x {} with padding {}", function, w, x, padding);
  return {x[0], kernels::window_outputs(x[1], w[1], stride, padding),
          kernels::window_outputs(x[2], w[2], stride, padding), w[0]};
}

void require_output(std::string_view function, const Shape& dy, const Shape& x, const Shape& w,
                    Geometry geometry) {
  const Shape wanted = output_shape(function, x, w, geometry);
  require(dy == wanted, "{}: dy {}, wanted {}", function, dy, wanted);
}

}  // namespace

Variable conv2d(const Variable& x, const Variable& w, std::int64_t stride, std::int64_t padding,
                std::int64_t groups) {
  require_same_kind("conv2d", x, w);
  const Geometry geometry{stride, padding, groups};
  Tensor y = empty_like(x.value(), output_shape("conv2d", x.shape(), w.shape(), geometry));
  kernels::backend_of(y).conv2d(x.value(), w.value(), geometry.window(w.shape()), groups, y);
  const auto gradient = [x, w, stride, padding, groups](const Variable&, const Variable& dy,
                                                        const Needs& needs) -> Variables {
    Variable dx, dw;
    if (needs[0]) dx = conv2d_input_gradient(dy, w, x.shape(), stride, padding, groups);
    if (needs[1]) dw = conv2d_weight_gradient(x, dy, w.shape(), stride, padding, groups);
    return {dx, dw};
  };
  return Variable::result(y, {x, w}, gradient);
}

Variable conv2d_input_gradient(const Variable& dy, const Variable& w, const Shape& x_shape,
                               std::int64_t stride, std::int64_t padding, std::int64_t groups) {
  require_same_kind("conv2d_input_gradient", dy, w);
  const Geometry geometry{stride, padding, groups};
  require_output("conv2d_input_gradient", dy.shape(), x_shape, w.shape(), geometry);
  Tensor dx = empty_like(dy.value(), x_shape);
  kernels::backend_of(dx).conv2d_input_gradient(dy.value(), w.value(), geometry.window(w.shape()),
                                                groups, dx);
  const auto gradient = [dy, w, stride, padding, groups](const Variable&, const Variable& u,
                                                         const Needs& needs) -> Variables {
    Variable du, dw;
    if (needs[0]) du = conv2d(u, w, stride, padding, groups);
    if (needs[1]) dw = conv2d_weight_gradient(u, dy, w.shape(), stride, padding, groups);
    return {du, dw};
  };
  return Variable::result(dx, {dy, w}, gradient);
}

Variable conv2d_weight_gradient(const Variable& x, const Variable& dy, const Shape& w_shape,
                                std::int64_t stride, std::int64_t padding, std::int64_t groups) {
  require_same_kind("conv2d_weight_gradient", x, dy);
  const Geometry geometry{stride, padding, groups};
  require_output("conv2d_weight_gradient", dy.shape(), x.shape(), w_shape, geometry);
  Tensor dw = Tensor::empty(w_shape, accumulation_type(x.dtype()), x.device());
  kernels::backend_of(dw).conv2d_weight_gradient(x.value(), dy.value(), geometry.window(w_shape),
                                                 groups, dw);
  const auto gradient = [x, dy, stride, padding, groups](const Variable&, const Variable& v,
                                                         const Needs& needs) -> Variables {
    Variable dx, ddy;
    if (needs[0]) dx = conv2d_input_gradient(dy, v, x.shape(), stride, padding, groups);
    if (needs[1]) ddy = conv2d(x, v, stride, padding, groups);
    return {dx, ddy};
  };
  return Variable::result(dw, {x, dy}, gradient);
}

}  // namespace polder::autograd
