#include "polder/kernels/cuda/column_sums.cuh"
#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/dispatch.h"

// Bytes to move per float32 element of x: 12 forward (x twice, y), 20 backward (x and dy twice,
// dx).
namespace polder::kernels::POLDER_DEVICE {
namespace {

/// Sums of x - shift and of its square. The shift is the channel's first element: without one, the
/// squares of a mean far from 0 would swallow the variance. It is one of the `rows` numbers, so
/// (mean - shift)^2 is at most rows times the variance, and float64 has digits for that.
template <class T, int width>
struct MomentTerm {
  const T* x;
  std::int64_t channels;

  using Row = Channels<T, width>;
  __device__ Row column(std::int64_t channel) const { return read(0, channel); }
  __device__ Row read(std::int64_t row, std::int64_t channel) const {
    return load<width>(x + row * channels + channel);
  }
  __device__ void add(const Row& shift, const Row& value, double (&sum)[width],
                      double (&squares)[width]) const {
    for (int k = 0; k < width; ++k) {
      const double shifted =
          static_cast<double>(value.element[k]) - static_cast<double>(shift.element[k]);
      sum[k] += shifted;
      squares[k] += shifted * shifted;
    }
  }
};

template <class T>
struct FinishMoments {
  const T* x;
  double rows, epsilon;
  Wide<T>*mean, *inv_std;

  __device__ void operator()(std::int64_t channel, double sum, double squares) const {
    const double deviations = squares - sum * sum / rows;
    // In this order NaN gets through.
    const double variance = deviations < 0 ? 0 : deviations / rows;
    mean[channel] = static_cast<Wide<T>>(static_cast<double>(x[channel]) + sum / rows);
    inv_std[channel] = static_cast<Wide<T>>(1 / sqrt(variance + epsilon));
  }
};

/// Sums of dy and of dy (x - mean).
template <class T, int width>
struct GradientTerm {
  const T *x, *dy;
  const Wide<T>* mean;
  std::int64_t channels;

  struct Row {
    Channels<T, width> value, gradient;
  };
  __device__ Channels<Wide<T>, width> column(std::int64_t channel) const {
    return load<width>(mean + channel);
  }
  __device__ Row read(std::int64_t row, std::int64_t channel) const {
    const std::int64_t at = row * channels + channel;
    return {load<width>(x + at), load<width>(dy + at)};
  }
  __device__ void add(const Channels<Wide<T>, width>& center, const Row& row, double (&sum)[width],
                      double (&product)[width]) const {
    for (int k = 0; k < width; ++k) {
      const double gradient = static_cast<double>(row.gradient.element[k]);
      sum[k] += gradient;
      product[k] += gradient * static_cast<double>(widen(row.value.element[k]) - center.element[k]);
    }
  }
};

template <class T>
struct FinishGradients {
  const T* inv_std;
  T *dgamma, *dbeta;

  __device__ void operator()(std::int64_t channel, double sum, double product) const {
    dbeta[channel] = static_cast<T>(sum);
    dgamma[channel] = static_cast<T>(product * static_cast<double>(inv_std[channel]));
  }
};

// The passes that follow the sums walk the pieces backwards: what was read last is still in the
// cache.

/// y = (x - mean) (inv_std gamma) + beta
template <class T, int width>
__global__ void normalise(Pieces cut, const T* __restrict__ x, const Wide<T>* gamma,
                          const Wide<T>* beta, const Wide<T>* mean, const Wide<T>* inv_std,
                          T* __restrict__ y) {
  for (std::int64_t piece = cut.count() - 1 - blockIdx.x; piece >= 0; piece -= gridDim.x) {
    const Strip own = strip_of<width>(cut, piece);
    const auto center = load<width>(mean + own.channel), scale = load<width>(inv_std + own.channel);
    const auto shift = load<width>(beta + own.channel);
    auto factor = load<width>(gamma + own.channel);
    for (int k = 0; k < width; ++k) factor.element[k] *= scale.element[k];
    for (std::int64_t r = own.begin; r < own.end; r += cut.slots) {
      const std::int64_t at = r * cut.channels + own.channel;
      auto value = load<width>(x + at);
      for (int k = 0; k < width; ++k)
        value.element[k] = static_cast<T>(
            (widen(value.element[k]) - center.element[k]) * factor.element[k] + shift.element[k]);
      store(y + at, value);
    }
  }
}

/// dx = gamma inv_std (dy - (dbeta + xhat dgamma) / rows), xhat = (x - mean) inv_std
template <class T, int width>
__global__ void input_gradients(Pieces cut, const T* __restrict__ x, const Wide<T>* gamma,
                                const Wide<T>* mean, const Wide<T>* inv_std,
                                const T* __restrict__ dy, const Wide<T>* dgamma,
                                const Wide<T>* dbeta, T* __restrict__ dx) {
  const Wide<T> share = 1 / static_cast<Wide<T>>(cut.rows);
  for (std::int64_t piece = cut.count() - 1 - blockIdx.x; piece >= 0; piece -= gridDim.x) {
    const Strip own = strip_of<width>(cut, piece);
    const auto weight = load<width>(gamma + own.channel), center = load<width>(mean + own.channel);
    const auto scale = load<width>(inv_std + own.channel);
    const auto slope = load<width>(dgamma + own.channel), level = load<width>(dbeta + own.channel);
    for (std::int64_t r = own.begin; r < own.end; r += cut.slots) {
      const std::int64_t at = r * cut.channels + own.channel;
      const auto value = load<width>(x + at);
      auto gradient = load<width>(dy + at);
      for (int k = 0; k < width; ++k) {
        const Wide<T> normalised = (widen(value.element[k]) - center.element[k]) * scale.element[k];
        const Wide<T> along = share * (level.element[k] + normalised * slope.element[k]);
        gradient.element[k] = static_cast<T>(weight.element[k] * scale.element[k] *
                                             (widen(gradient.element[k]) - along));
      }
      store(dx + at, gradient);
    }
  }
}

/// Running statistics of every channel; `unbiased` is rows / (rows - 1).
template <class T>
__global__ void track(std::int64_t channels, const T* mean, const T* inv_std, double epsilon,
                      double momentum, double unbiased, T* running_mean, T* running_variance) {
  const auto moved = [=](T from, double to) {
    return static_cast<T>((1 - momentum) * static_cast<double>(from) + momentum * to);
  };
  for (std::int64_t c = thread_rank(); c < channels; c += thread_count()) {
    const double scale = static_cast<double>(inv_std[c]);
    const double variance = 1 / (scale * scale) - epsilon;
    running_mean[c] = moved(running_mean[c], static_cast<double>(mean[c]));
    // In this order NaN gets through.
    running_variance[c] = moved(running_variance[c], variance < 0 ? 0 : variance * unbiased);
  }
}

}  // namespace

void DeviceBackend::batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                               double epsilon, Tensor& y, Tensor& mean, Tensor& inv_std) {
  const std::int64_t channels = gamma.numel();
  if (x.numel() == 0) return;
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    using W = Wide<T>;
    const T* in = x.data<T>();
    const W *weight = gamma.data<W>(), *bias = beta.data<W>();
    T* out = y.data<T>();
    W *center = mean.data<W>(), *scale = inv_std.data<W>();
    const auto run = [&](auto width) {
      const Pieces cut = cut_into_pieces<T>(x.numel() / channels, channels, width);
      sum_columns<width>(
          *runtime_, device_, cut, MomentTerm<T, width>{in, channels},
          FinishMoments<T>{in, static_cast<double>(cut.rows), epsilon, center, scale});
      launch(*runtime_, block_each(*runtime_, cut.count()), normalise<T, width>, cut, in, weight,
             bias, center, scale, out);
    };
    with_width<T>(channels, run, in, weight, bias, out, center, scale);
  });
}

void DeviceBackend::batch_norm_backward(const Tensor& x, const Tensor& gamma, const Tensor& mean,
                                        const Tensor& inv_std, const Tensor& dy, Tensor& dx,
                                        Tensor& dgamma, Tensor& dbeta) {
  const std::int64_t channels = gamma.numel();
  if (x.numel() == 0) return;
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    using W = Wide<T>;
    const T *in = x.data<T>(), *gradient = dy.data<T>();
    const W *weight = gamma.data<W>(), *center = mean.data<W>(), *scale = inv_std.data<W>();
    T* out = dx.data<T>();
    W *slope = dgamma.data<W>(), *level = dbeta.data<W>();
    const auto run = [&](auto width) {
      const Pieces cut = cut_into_pieces<T>(x.numel() / channels, channels, width);
      sum_columns<width>(*runtime_, device_, cut,
                         GradientTerm<T, width>{in, gradient, center, channels},
                         FinishGradients<W>{scale, slope, level});
      launch(*runtime_, block_each(*runtime_, cut.count()), input_gradients<T, width>, cut, in,
             weight, center, scale, gradient, slope, level, out);
    };
    with_width<T>(channels, run, in, weight, center, scale, gradient, out, slope, level);
  });
}

void DeviceBackend::batch_norm_track(const Tensor& mean, const Tensor& inv_std, double epsilon,
                                     double momentum, std::int64_t rows, Tensor& running_mean,
                                     Tensor& running_variance) {
  const double count = static_cast<double>(rows), unbiased = rows > 1 ? count / (count - 1) : 1;
  with_float(mean.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(*runtime_, over(*runtime_, mean.numel()), track<T>, mean.numel(), mean.data<T>(),
           inv_std.data<T>(), epsilon, momentum, unbiased, running_mean.data<T>(),
           running_variance.data<T>());
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
