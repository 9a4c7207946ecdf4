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
                                                                  const Wide<T>* gamma,
                                                                  const Wide<T>* beta, T* y,
                                                                  Wide<T>* mean, Wide<T>* inv_std) {
  const double count = static_cast<double>(n);
  for_rows<Scope>(rows, [=](std::int64_t r) {
    const T* in = x + r * n;
    T* out = y + r * n;
    const double average = row_sum<Scope>(n, [=](std::int64_t i) { return in[i]; }) / count;
    const double deviations = row_sum<Scope>(n, [=](std::int64_t i) {
      const double deviation = static_cast<double>(in[i]) - average;
      return deviation * deviation;
    });
    const Wide<T> center = static_cast<Wide<T>>(average);
    const Wide<T> scale = static_cast<Wide<T>>(1 / sqrt(deviations / count + epsilon));
    for_elements<Scope>(n, [=](std::int64_t i) {
      out[i] = static_cast<T>((widen(in[i]) - center) * scale * gamma[i] + beta[i]);
    });
    if (Scope::thread() != 0) return;
    mean[r] = center;
    inv_std[r] = scale;
  });
}

/// dx = inv_std (g - mean(g) - xhat mean(g xhat)), g = dy gamma, xhat = (x - mean) inv_std
template <class Scope, class T>
__global__ __launch_bounds__(kLongRowThreads) void row_gradients(std::int64_t rows, std::int64_t n,
                                                                 const T* x, const Wide<T>* gamma,
                                                                 const Wide<T>* mean,
                                                                 const Wide<T>* inv_std,
                                                                 const T* dy, T* dx) {
  const double count = static_cast<double>(n);
  for_rows<Scope>(rows, [=](std::int64_t r) {
    const T *in = x + r * n, *gradient = dy + r * n;
    T* out = dx + r * n;
    const Wide<T> center = mean[r], scale = inv_std[r];
    const auto scaled = [=](std::int64_t i) { return widen(gradient[i]) * gamma[i]; };
    const auto normalised = [=](std::int64_t i) { return (widen(in[i]) - center) * scale; };
    const Wide<T> average = static_cast<Wide<T>>(row_sum<Scope>(n, scaled) / count);
    const Wide<T> slope = static_cast<Wide<T>>(
        row_sum<Scope>(n, [=](std::int64_t i) { return scaled(i) * normalised(i); }) / count);
    for_elements<Scope>(n, [=](std::int64_t i) {
      out[i] = static_cast<T>(scale * (scaled(i) - average - normalised(i) * slope));
    });
  });
}

/// Sums over rows of dy and of dy xhat.
template <class T, int width>
struct GradientTerm {
  const T *x, *dy;
  const Wide<T>*mean, *inv_std;
  std::int64_t n;

  struct Row {
    Channels<T, width> value, gradient;
    Wide<T> center, scale;
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
      const Wide<T> gradient = widen(row.gradient.element[k]);
      sum[k] += static_cast<double>(gradient);
      product[k] +=
          static_cast<double>(gradient * ((widen(row.value.element[k]) - row.center) * row.scale));
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
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    with_row_scope(*runtime_, rows, n, [&](auto scope, const Launch& shape) {
      launch(*runtime_, shape, normalise_rows<decltype(scope), T>, rows, n, epsilon, x.data<T>(),
             gamma.data<Wide<T>>(), beta.data<Wide<T>>(), y.data<T>(), mean.data<Wide<T>>(),
             inv_std.data<Wide<T>>());
    });
  });
}

void DeviceBackend::layer_norm_backward(const Tensor& x, const Tensor& gamma, const Tensor& mean,
                                        const Tensor& inv_std, const Tensor& dy, Tensor& dx,
                                        Tensor& dgamma, Tensor& dbeta) {
  const std::int64_t rows = mean.numel(), n = gamma.numel();
  if (n == 0) return;
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    using W = Wide<T>;
    const T *in = x.data<T>(), *gradient = dy.data<T>();
    const W *center = mean.data<W>(), *scale = inv_std.data<W>();
    const auto sum = [&](auto width) {
      sum_columns<width>(*runtime_, device_, cut_into_pieces<T>(rows, n, width),
                         GradientTerm<T, width>{in, gradient, center, scale, n},
                         FinishGradients<W>{dgamma.data<W>(), dbeta.data<W>()});
    };
    with_width<T>(n, sum, in, gradient);
    with_row_scope(*runtime_, rows, n, [&](auto scope, const Launch& shape) {
      launch(*runtime_, shape, row_gradients<decltype(scope), T>, rows, n, in, gamma.data<W>(),
             center, scale, gradient, dx.data<T>());
    });
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
