#include <cmath>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/parallel.h"
#include "polder/kernels/cpu/widened.h"

namespace polder::kernels::cpu {
namespace {

/// A [rows, channels] array cut into pieces of rows; each piece leaves one partial result per
/// channel, and pieces are merged in ascending order.
struct Pieces {
  std::int64_t rows, channels, height, count;
};

Pieces pieces_of(const Tensor& x, std::int64_t channels) {
  const std::int64_t rows = channels == 0 ? 0 : x.numel() / channels;
  const std::int64_t height = rows_per_block(channels);
  return {rows, channels, height, (rows + height - 1) / height};
}

/// Mean and sum of squared deviations per channel of one piece. Sums are taken around the piece's
/// first row: without that, squares of a mean far from 0 would swallow the variance.
template <class T>
void moments_of_piece(const T* x, std::int64_t rows, std::int64_t channels, double* mean,
                      double* deviations) {
  std::fill(mean, mean + channels, 0.0);
  std::fill(deviations, deviations + channels, 0.0);
  for (std::int64_t r = 1; r < rows; ++r) {
    const T* row = x + r * channels;
    for (std::int64_t c = 0; c < channels; ++c) {
      const double shifted = static_cast<double>(row[c]) - static_cast<double>(x[c]);
      mean[c] += shifted;
      deviations[c] += shifted * shifted;
    }
  }
  const double count = static_cast<double>(rows);
  for (std::int64_t c = 0; c < channels; ++c) {
    deviations[c] -= mean[c] * mean[c] / count;
    mean[c] = static_cast<double>(x[c]) + mean[c] / count;
  }
}

/// Merges the moments of a piece of `added` rows into those of `count` rows.
/// Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm", 1979.
void merge_moments(double count, double& mean, double& deviations, double added, double other_mean,
                   double other_deviations) {
  const double difference = other_mean - mean, total = count + added;
  mean += difference * added / total;
  deviations += other_deviations + difference * difference * count * added / total;
}

template <class T>
void channel_moments(const T* x, const Pieces& cut, double epsilon, T* mean, T* inv_std) {
  const std::int64_t channels = cut.channels;
  const Tensor partial = Tensor::empty({cut.count, 2, channels}, DType::float64);
  double* moments = partial.data<double>();
  parallel_tasks(cut.count, [=](std::int64_t p) {
    const std::int64_t from = p * cut.height;
    double* own = moments + p * 2 * channels;
    moments_of_piece(x + from * channels, std::min(cut.height, cut.rows - from), channels, own,
                     own + channels);
  });
  for (std::int64_t c = 0; c < channels; ++c) {
    double center = moments[c], deviations = moments[channels + c];
    for (std::int64_t p = 1; p < cut.count; ++p) {
      const std::int64_t from = p * cut.height;
      const double* other = moments + p * 2 * channels + c;
      merge_moments(static_cast<double>(from), center, deviations,
                    static_cast<double>(std::min(cut.height, cut.rows - from)), other[0],
                    other[channels]);
    }
    // In this order std::max lets NaN through.
    const double variance = std::max(deviations, 0.0) / static_cast<double>(cut.rows);
    mean[c] = static_cast<T>(center);
    inv_std[c] = static_cast<T>(1.0 / std::sqrt(variance + epsilon));
  }
}

/// dbeta = sum dy and dgamma = sum dy xhat over rows.
template <class T>
void channel_gradients(const T* x, const T* mean, const T* inv_std, const T* dy, const Pieces& cut,
                       T* dgamma, T* dbeta) {
  const std::int64_t channels = cut.channels;
  const Tensor partial = Tensor::empty({cut.count, 2, channels}, DType::float64);
  double* sums = partial.data<double>();
  parallel_blocks(cut.rows, cut.height, [=](std::int64_t begin, std::int64_t end) {
    double* own = sums + begin / cut.height * 2 * channels;
    std::fill(own, own + 2 * channels, 0.0);
    for (std::int64_t r = begin; r < end; ++r) {
      const T *value = x + r * channels, *gradient = dy + r * channels;
      for (std::int64_t c = 0; c < channels; ++c) {
        own[c] += static_cast<double>(gradient[c]);
        own[channels + c] += static_cast<double>(gradient[c] * (value[c] - mean[c]));
      }
    }
  });
  for (std::int64_t c = 0; c < channels; ++c) {
    double sum = 0, product = 0;
    for (std::int64_t p = 0; p < cut.count; ++p) {
      sum += sums[p * 2 * channels + c];
      product += sums[(p * 2 + 1) * channels + c];
    }
    dbeta[c] = static_cast<T>(sum);
    dgamma[c] = static_cast<T>(product * static_cast<double>(inv_std[c]));
  }
}

}  // namespace

void CpuBackend::batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                            double epsilon, Tensor& y, Tensor& mean, Tensor& inv_std) {
  if (is_bfloat16(x))
    return in_float32([&](Widened& wide) {
      batch_norm(wide.in(x), gamma, beta, epsilon, wide.out(y), mean, inv_std);
    });
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Pieces cut = pieces_of(x, gamma.numel());
    if (cut.rows == 0) return;
    const T *in = x.data<T>(), *weight = gamma.data<T>(), *bias = beta.data<T>();
    const T *center = mean.data<T>(), *scale = inv_std.data<T>();
    T* out = y.data<T>();
    channel_moments(in, cut, epsilon, mean.data<T>(), inv_std.data<T>());
    parallel_blocks(cut.rows, cut.height, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const T* value = in + r * cut.channels;
        T* result = out + r * cut.channels;
        for (std::int64_t c = 0; c < cut.channels; ++c)
          result[c] = (value[c] - center[c]) * (scale[c] * weight[c]) + bias[c];
      }
    });
  });
}

void CpuBackend::batch_norm_backward(const Tensor& x, const Tensor& gamma, const Tensor& mean,
                                     const Tensor& inv_std, const Tensor& dy, Tensor& dx,
                                     Tensor& dgamma, Tensor& dbeta) {
  if (is_bfloat16(x))
    return in_float32([&](Widened& wide) {
      batch_norm_backward(wide.in(x), gamma, mean, inv_std, wide.in(dy), wide.out(dx), dgamma,
                          dbeta);
    });
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Pieces cut = pieces_of(x, gamma.numel());
    if (cut.rows == 0) return;
    const T *in = x.data<T>(), *weight = gamma.data<T>(), *center = mean.data<T>();
    const T *scale = inv_std.data<T>(), *gradient = dy.data<T>();
    const T *weight_sum = dgamma.data<T>(), *bias_sum = dbeta.data<T>();
    T* out = dx.data<T>();
    channel_gradients(in, center, scale, gradient, cut, dgamma.data<T>(), dbeta.data<T>());
    const T share = T{1} / static_cast<T>(cut.rows);
    parallel_blocks(cut.rows, cut.height, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const std::int64_t at = r * cut.channels;
        for (std::int64_t c = 0; c < cut.channels; ++c) {
          const T normalised = (in[at + c] - center[c]) * scale[c];
          out[at + c] = weight[c] * scale[c] *
                        (gradient[at + c] - share * (bias_sum[c] + normalised * weight_sum[c]));
        }
      }
    });
  });
}

void CpuBackend::batch_norm_track(const Tensor& mean, const Tensor& inv_std, double epsilon,
                                  double momentum, std::int64_t rows, Tensor& running_mean,
                                  Tensor& running_variance) {
  with_float(mean.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *center = mean.data<T>(), *scale = inv_std.data<T>();
    T *tracked_mean = running_mean.data<T>(), *tracked_variance = running_variance.data<T>();
    const double count = static_cast<double>(rows),
                 unbiased = rows > 1 ? count / (count - 1.0) : 1.0;
    for (std::int64_t c = 0, channels = mean.numel(); c < channels; ++c) {
      const double factor = static_cast<double>(scale[c]);
      // In this order std::max lets NaN through.
      const double variance = std::max(1.0 / (factor * factor) - epsilon, 0.0) * unbiased;
      tracked_mean[c] = static_cast<T>((1.0 - momentum) * static_cast<double>(tracked_mean[c]) +
                                       momentum * static_cast<double>(center[c]));
      tracked_variance[c] = static_cast<T>(
          (1.0 - momentum) * static_cast<double>(tracked_variance[c]) + momentum * variance);
    }
  });
}

}  // namespace polder::kernels::cpu
