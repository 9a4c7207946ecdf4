#include "polder/kernels/cuda/ascent_step.cuh"
#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/dispatch.h"
#include "polder/kernels/cuda/flat_sum.cuh"
#include "polder/kernels/cuda/pass.cuh"

namespace polder::kernels::POLDER_DEVICE {
namespace {

// Terms of sums over flat arrays; bytes for each float32 weight.

/// x y: 8 bytes.
struct Product {
  __device__ Product start() const { return *this; }
  template <class T>
  __device__ double operator()(double sum, std::int64_t, T x, T y) const {
    return fma(static_cast<double>(x), static_cast<double>(y), sum);
  }
};

/// g g: 4 bytes.
struct Square {
  __device__ Square start() const { return *this; }
  template <class T>
  __device__ double operator()(double sum, std::int64_t, T x) const {
    return fma(static_cast<double>(x), static_cast<double>(x), sum);
  }
};

/// (T g)^2: 8 bytes.
template <class T, bool segmented>
struct MetricSquare {
  FlatAscent<T> ascent;
  double xi;

  struct Term {
    AscentCursor<T, segmented> cursor;
    double xi;
    __device__ double operator()(double sum, std::int64_t i, T w, T g) {
      double value = static_cast<double>(g);
      if (cursor.at(i).adaptive) value *= abs(static_cast<double>(w)) + xi;
      return fma(value, value, sum);
    }
  };
  __device__ Term start() const { return {AscentCursor<T, segmented>(ascent), xi}; }
};

/// w + eps: 12 bytes.
template <class T, bool segmented>
struct Perturb {
  FlatAscent<T> ascent;

  struct Worker {
    AscentCursor<T, segmented> cursor;
    __device__ void operator()(std::int64_t i, T w, T g, T& shifted) {
      shifted = cursor.at(i).shifted(w, g);
    }
  };
  __device__ Worker start() const { return {AscentCursor<T, segmented>(ascent)}; }
};

/// eps alone: 12 bytes, 8 where the metric is plain and w is not read.
template <class T, bool segmented>
struct Direction {
  FlatAscent<T> ascent;

  struct Worker {
    AscentCursor<T, segmented> cursor;
    __device__ void operator()(std::int64_t i, T w, T g, T& u) { u = cursor.at(i).step(w, g); }
    __device__ void operator()(std::int64_t i, T g, T& u) { u = cursor.at(i).step(T{0}, g); }
  };
  __device__ Worker start() const { return {AscentCursor<T, segmented>(ascent)}; }
};

/// x min(1, limit / (norm + c)): 8 bytes, none where x is short enough.
template <class T>
struct Clip {
  double limit;
  const double* squared_norm;

  struct Worker {
    double ratio;
    // A NaN norm must not pass for a small one: it reaches x.
    __device__ bool idle() const { return ratio >= 1; }
    __device__ void operator()(std::int64_t, T& x) const { x *= static_cast<T>(ratio); }
  };
  __device__ Worker start() const { return {limit / (sqrt(*squared_norm) + kNormGuard)}; }
};

__global__ void scale_radii(std::int64_t count, const double* rho, const double* squared_norm,
                            double* scale, double* norm) {
  const double length = sqrt(*squared_norm);
  for (std::int64_t s = thread_rank(); s < count; s += thread_count())
    scale[s] = rho[s] / (length + kNormGuard);
  if (thread_rank() == 0) *norm = length;
}

}  // namespace

void DeviceBackend::dot(const Tensor& x, const Tensor& y, Tensor& out) {
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    flat_sum(*runtime_, device_, x.numel(), Product{}, out.data<double>(), elements<T>(x),
             elements<T>(y));
  });
}

void DeviceBackend::metric_squared_norm(const Tensor& w, const Tensor& g, Metric metric,
                                        const Segments& segments, Tensor& out) {
  with_float(g.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t n = g.numel();
    if (!metric.adaptive)
      return flat_sum(*runtime_, device_, n, Square{}, out.data<double>(), elements<T>(g));
    const FlatAscent<T> ascent({}, metric, segments);
    with_flag(ascent.is_segmented(), [&](auto segmented) {
      flat_sum(*runtime_, device_, n, MetricSquare<T, segmented>{ascent, metric.xi},
               out.data<double>(), elements<T>(w), elements<T>(g));
    });
  });
}

void DeviceBackend::ascent_scale(const Tensor& rho, const Tensor& squared_norm, Tensor& scale,
                                 Tensor& norm) {
  launch(*runtime_, over(*runtime_, std::max<std::int64_t>(1, rho.numel())), scale_radii,
         rho.numel(), rho.data<double>(), squared_norm.data<double>(), scale.data<double>(),
         norm.data<double>());
}

void DeviceBackend::perturb(const Tensor& w, const Tensor& g, const Tensor& scale, Metric metric,
                            const Segments& segments, Tensor& shifted) {
  with_float(w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const FlatAscent<T> ascent(scale, metric, segments);
    with_flag(ascent.is_segmented(), [&](auto segmented) {
      pass(*runtime_, w.numel(), Perturb<T, segmented>{ascent}, Input<T>{w.data<T>()},
           Input<T>{g.data<T>()}, Output<T>{shifted.data<T>()});
    });
  });
}

void DeviceBackend::ascent_direction(const Tensor& w, const Tensor& g, const Tensor& scale,
                                     Metric metric, const Segments& segments, Tensor& u) {
  with_float(g.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const FlatAscent<T> ascent(scale, metric, segments);
    const Input<T> gradient{g.data<T>()};
    const Output<T> out{u.data<T>()};
    with_flag(ascent.is_segmented(), [&](auto segmented) {
      const Direction<T, segmented> direction{ascent};
      if (metric.adaptive)
        pass(*runtime_, g.numel(), direction, Input<T>{w.data<T>()}, gradient, out);
      else
        pass(*runtime_, g.numel(), direction, gradient, out);
    });
  });
}

void DeviceBackend::clip(double limit, const Tensor& squared_norm, Tensor& x) {
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    pass(*runtime_, x.numel(), Clip<T>{limit, squared_norm.data<double>()}, InOut<T>{x.data<T>()});
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
