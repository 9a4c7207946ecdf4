#include "polder/autograd/functions.h"
#include "polder/autograd/results.h"

namespace polder::autograd {
namespace {

Shape pooled_shape(std::string_view function, const Shape& x, const Window& window) {
  require(x.rank() == 4, "{}: x {}, wanted [N, H, W, C]", function, x);
  const auto check = [&](std::int64_t size, std::int64_t kernel, std::int64_t stride,
                         std::int64_t padding) {
    // More padding than half a kernel would make windows that see no element of x.
    require(kernel >= 1 && stride >= 1 && padding >= 0 && 2 * padding <= kernel &&
                size + 2 * padding >= kernel,
            "{}: kernel {}, stride {} and padding {} do not fit x {}", function, kernel, stride,
            padding, x);
    return kernels::window_outputs(size, kernel, stride, padding);
  };
  return {x[0], check(x[1], window.kernel_h, window.stride_h, window.padding_h),
          check(x[2], window.kernel_w, window.stride_w, window.padding_w), x[3]};
}

// Picking elements by flat position and putting them back are adjoint. The positions come from a
// back end, so they need no check.
Variable put_back(const Variable& x, const Tensor& positions, const Shape& shape);

Variable pick(const Variable& x, const Tensor& positions) {
  Tensor y = empty_like(x.value(), positions.shape());
  kernels::backend_of(y).gather_elements(x.value(), positions, y);
  const auto gradient = [positions, x_shape = x.shape()](const Variable&, const Variable& dy,
                                                         const Needs&) -> Variables {
    return {put_back(dy, positions, x_shape)};
  };
  return Variable::result(y, {x}, gradient);
}

Variable put_back(const Variable& x, const Tensor& positions, const Shape& shape) {
  Tensor y = full_like(x.value(), shape, 0.0);
  kernels::backend_of(y).scatter_add_elements(x.value(), positions, y);
  const auto gradient = [positions](const Variable&, const Variable& dy,
                                    const Needs&) -> Variables { return {pick(dy, positions)}; };
  return Variable::result(y, {x}, gradient);
}

/// Adjoint of average_pool2d, whose gradient is the pooling again.
Variable average_unpool2d(const Variable& dy, const Window& window, const Shape& x_shape) {
  Tensor dx = empty_like(dy.value(), x_shape);
  kernels::backend_of(dx).average_pool_backward(dy.value(), window, dx);
  const auto gradient = [window](const Variable&, const Variable& u, const Needs&) -> Variables {
    return {average_pool2d(u, window)};
  };
  return Variable::result(dx, {dy}, gradient);
}

}  // namespace

Variable max_pool2d(const Variable& x, Window window) {
  Tensor y = empty_like(x.value(), pooled_shape("max_pool2d", x.shape(), window));
  Tensor positions = Tensor::empty(y.shape(), DType::int64, y.device());
  kernels::backend_of(y).max_pool(x.value(), window, y, positions);
  const auto gradient = [positions, x_shape = x.shape()](const Variable&, const Variable& dy,
                                                         const Needs&) -> Variables {
    return {put_back(dy, positions, x_shape)};
  };
  return Variable::result(y, {x}, gradient);
}

Variable average_pool2d(const Variable& x, Window window) {
  Tensor y = empty_like(x.value(), pooled_shape("average_pool2d", x.shape(), window));
  kernels::backend_of(y).average_pool(x.value(), window, y);
  const auto gradient = [window, x_shape = x.shape()](const Variable&, const Variable& dy,
                                                      const Needs&) -> Variables {
    return {average_unpool2d(dy, window, x_shape)};
  };
  return Variable::result(y, {x}, gradient);
}

Variable global_average_pool(const Variable& x) {
  require(x.rank() == 4, "global_average_pool: x {}, wanted [N, H, W, C]", x.shape());
  return mean(reshape(x, {x.size(0), x.size(1) * x.size(2), x.size(3)}), 1);
}

}  // namespace polder::autograd
