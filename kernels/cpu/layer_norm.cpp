#include <cmath>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/lanes.h"
#include "polder/kernels/cpu/parallel.h"
#include "polder/kernels/cpu/widened.h"

namespace polder::kernels::cpu {
namespace {

/// Mean of term(i) over a row.
template <class F>
double row_mean(std::int64_t n, F&& term) {
  return lane_sum(0, n, term) / static_cast<double>(n);
}

/// dgamma = sum dy xhat and dbeta = sum dy over the rows [begin, end), as float64.
template <class T>
void sum_rows(const T* x, const T* mean, const T* inv_std, const T* dy, std::int64_t begin,
              std::int64_t end, std::int64_t n, double* dgamma, double* dbeta) {
  std::fill(dgamma, dgamma + n, 0.0);
  std::fill(dbeta, dbeta + n, 0.0);
  for (std::int64_t r = begin; r < end; ++r) {
    const T *value = x + r * n, *gradient = dy + r * n;
    for (std::int64_t i = 0; i < n; ++i) {
      dgamma[i] += static_cast<double>(gradient[i] * ((value[i] - mean[r]) * inv_std[r]));
      dbeta[i] += static_cast<double>(gradient[i]);
    }
  }
}

template <class T>
void shift_and_scale_gradients(const T* x, const T* mean, const T* inv_std, const T* dy,
                               std::int64_t rows, std::int64_t n, T* dgamma, T* dbeta) {
  const std::int64_t height = rows_per_block(n), pieces = (rows + height - 1) / height;
  const Tensor partial = Tensor::empty({pieces, 2, n}, DType::float64);
  double* sums = partial.data<double>();
  parallel_blocks(rows, height, [=](std::int64_t begin, std::int64_t end) {
    double* own = sums + begin / height * 2 * n;
    sum_rows(x, mean, inv_std, dy, begin, end, n, own, own + n);
  });
  for (std::int64_t i = 0; i < n; ++i) {
    double scale = 0, shift = 0;
    for (std::int64_t p = 0; p < pieces; ++p) {
      scale += sums[p * 2 * n + i];
      shift += sums[(p * 2 + 1) * n + i];
    }
    dgamma[i] = static_cast<T>(scale);
    dbeta[i] = static_cast<T>(shift);
  }
}

/// dx of one row: inv_std (g - mean(g) - xhat mean(g xhat)), g = dy gamma.
template <class T>
void row_gradient(const T* x, const T* gamma, T mean, T inv_std, const T* dy, std::int64_t n,
                  T* dx) {
  const auto scaled = [=](std::int64_t i) { return dy[i] * gamma[i]; };
  const auto normalised = [=](std::int64_t i) { return (x[i] - mean) * inv_std; };
  const T average =
      static_cast<T>(row_mean(n, [=](std::int64_t i) { return static_cast<double>(scaled(i)); }));
  const T slope = static_cast<T>(
      row_mean(n, [=](std::int64_t i) { return static_cast<double>(scaled(i) * normalised(i)); }));
  for (std::int64_t i = 0; i < n; ++i)
    dx[i] = inv_std * (scaled(i) - average - normalised(i) * slope);
}

}  // namespace

void CpuBackend::layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                            double epsilon, Tensor& y, Tensor& mean, Tensor& inv_std) {
  if (is_bfloat16(x))
    return in_float32([&](Widened& wide) {
      layer_norm(wide.in(x), gamma, beta, epsilon, wide.out(y), mean, inv_std);
    });
  const std::int64_t rows = mean.numel(), n = gamma.numel();
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *in = x.data<T>(), *weight = gamma.data<T>(), *bias = beta.data<T>();
    T *out = y.data<T>(), *center = mean.data<T>(), *scale = inv_std.data<T>();
    parallel_blocks(rows, rows_per_block(n), [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const T* value = in + r * n;
        const double average =
            row_mean(n, [=](std::int64_t i) { return static_cast<double>(value[i]); });
        const double variance = row_mean(n, [=](std::int64_t i) {
          const double deviation = static_cast<double>(value[i]) - average;
          return deviation * deviation;
        });
        center[r] = static_cast<T>(average);
        scale[r] = static_cast<T>(1.0 / std::sqrt(variance + epsilon));
        for (std::int64_t i = 0; i < n; ++i)
          out[r * n + i] = (value[i] - center[r]) * scale[r] * weight[i] + bias[i];
      }
    });
  });
}

void CpuBackend::layer_norm_backward(const Tensor& x, const Tensor& gamma, const Tensor& mean,
                                     const Tensor& inv_std, const Tensor& dy, Tensor& dx,
                                     Tensor& dgamma, Tensor& dbeta) {
  if (is_bfloat16(x))
    return in_float32([&](Widened& wide) {
      layer_norm_backward(wide.in(x), gamma, mean, inv_std, wide.in(dy), wide.out(dx), dgamma,
                          dbeta);
    });
  const std::int64_t rows = mean.numel(), n = gamma.numel();
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *in = x.data<T>(), *weight = gamma.data<T>(), *center = mean.data<T>();
    const T *scale = inv_std.data<T>(), *gradient = dy.data<T>();
    T* out = dx.data<T>();
    shift_and_scale_gradients(in, center, scale, gradient, rows, n, dgamma.data<T>(),
                              dbeta.data<T>());
    parallel_blocks(rows, rows_per_block(n), [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r)
        row_gradient(in + r * n, weight, center[r], scale[r], gradient + r * n, n, out + r * n);
    });
  });
}

}  // namespace polder::kernels::cpu
