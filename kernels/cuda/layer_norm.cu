#include "polder/kernels/cuda/column_sums.cuh"
#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/dispatch.h"
#include "polder/kernels/cuda/row_scope.cuh"

// Bytes to move per float32 element of x: 8 forward, 20 backward (x and dy for the weights, again
// for dx, and dx).
namespace polder::kernels::POLDER_DEVICE {
namespace {

template <class Scope, class T>
__global__ __launch_bounds__(kLongRowThreads) void normalise_rows(std::int64_t rows, std::int64_t n,
                                                                  double epsilon, const T* x,
                                                                  const T* gamma, const T* beta,
                                                                  T* y, T* mean, T* inv_std) {
  const double count = static_cast<double>(n);
  for_rows<Scope>(rows, [=](std::int64_t r) {
    const T* in = x + r * n;
    T* out = y + r * n;
    const double average = row_sum<Scope>(n, [=](std::int64_t i) { return in[i]; }) / count;
    const double deviations = row_sum<Scope>(n, [=](std::int64_t i) {
      const double deviation = static_cast<double>(in[i]) - average;
      return deviation * deviation;
    });
    const T center = static_cast<T>(average);
    const T scale = static_cast<T>(1 / sqrt(deviations / count + epsilon));
    for_elements<Scope>(
        n, [=](std::int64_t i) { out[i] = (in[i] - center) * scale * gamma[i] + beta[i]; });
    if (Scope::thread() != 0) return;
    mean[r] = center;
    inv_std[r] = scale;
  });
}

/// dx = inv_std (g - mean(g) - xhat mean(g xhat)), g = dy gamma, xhat = (x - mean) inv_std
template <class Scope, class T>
__global__ __launch_bounds__(kLongRowThreads) void row_gradients(std::int64_t rows, std::int64_t n,
                                                                 const T* x, const T* gamma,
                                                                 const T* mean, const T* inv_std,
                                                                 const T* dy, T* dx) {
  const double count = static_cast<double>(n);
  for_rows<Scope>(rows, [=](std::int64_t r) {
    const T *in = x + r * n, *gradient = dy + r * n;
    T* out = dx + r * n;
    const T center = mean[r], scale = inv_std[r];
    const auto scaled = [=](std::int64_t i) { return gradient[i] * gamma[i]; };
    const auto normalised = [=](std::int64_t i) { return (in[i] - center) * scale; };
    const T average = static_cast<T>(row_sum<Scope>(n, scaled) / count);
    const T slope = static_cast<T>(
        row_sum<Scope>(n, [=](std::int64_t i) { return scaled(i) * normalised(i); }) / count);
    for_elements<Scope>(
        n, [=](std::int64_t i) { out[i] = scale * (scaled(i) - average - normalised(i) * slope); });
  });
}

/// Sums over rows of dy and of dy xhat.
template <class T, int width>
struct GradientTerm {
  const T *x, *mean, *inv_std, *dy;
  std::int64_t n;

  struct Row {
    Channels<T, width> value, gradient;
    T center, scale;
  };
  struct Nothing {};
  __device__ Nothing column(std::int64_t) const { return {}; }
  __device__ Row read(std::int64_t row, std::int64_t i) const {
    const std::int64_t at = row * n + i;
    return {load<width>(x + at), load<width>(dy + at), mean[row], inv_std[row]};
  }
  __device__ void add(Nothing, const Row& row, double (&sum)[width],
                      double (&product)[width]) const {
    for (int k = 0; k < width; ++k) {
      const T gradient = row.gradient.element[k];
      sum[k] += static_cast<double>(gradient);
      product[k] +=
          static_cast<double>(gradient * ((row.value.element[k] - row.center) * row.scale));
    }
  }
};

template <class T>
struct FinishGradients {
  T *dgamma, *dbeta;
  __device__ void operator()(std::int64_t i, double sum, double product) const {
    dbeta[i] = static_cast<T>(sum);
    dgamma[i] = static_cast<T>(product);
  }
};

}  // namespace

void DeviceBackend::layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                               double epsilon, Tensor& y, Tensor& mean, Tensor& inv_std) {
  const std::int64_t rows = mean.numel(), n = gamma.numel();
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    with_row_scope(*runtime_, rows, n, [&](auto scope, const Launch& shape) {
      launch(*runtime_, shape, normalise_rows<decltype(scope), T>, rows, n, epsilon, x.data<T>(),
             gamma.data<T>(), beta.data<T>(), y.data<T>(), mean.data<T>(), inv_std.data<T>());
    });
  });
}

void DeviceBackend::layer_norm_backward(const Tensor& x, const Tensor& gamma, const Tensor& mean,
                                        const Tensor& inv_std, const Tensor& dy, Tensor& dx,
                                        Tensor& dgamma, Tensor& dbeta) {
  const std::int64_t rows = mean.numel(), n = gamma.numel();
  if (n == 0) return;
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *in = x.data<T>(), *center = mean.data<T>(), *scale = inv_std.data<T>();
    const T* gradient = dy.data<T>();
    const auto sum = [&](auto width) {
      sum_columns<width>(*runtime_, device_, cut_into_pieces<T>(rows, n, width),
                         GradientTerm<T, width>{in, center, scale, gradient, n},
                         FinishGradients<T>{dgamma.data<T>(), dbeta.data<T>()});
    };
    with_width<T>(n, sum, in, gradient);
    with_row_scope(*runtime_, rows, n, [&](auto scope, const Launch& shape) {
      launch(*runtime_, shape, row_gradients<decltype(scope), T>, rows, n, in, gamma.data<T>(),
             center, scale, gradient, dx.data<T>());
    });
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
