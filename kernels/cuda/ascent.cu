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

/// eps alone: 12 bytes, 8 where the metric is plain and w is not read.
template <class T, class Cursor>
struct Direction {
  FlatAscent<T> ascent;

  struct Worker {
    Cursor cursor;
    __device__ void operator()(std::int64_t i, T w, T g, T& u) { u = cursor.at(i).step(w, g); }
  };
  __device__ Worker start() const { return {Cursor(ascent)}; }
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

/// shifted = w + eps, 12 bytes for each float32 weight, 4 more for a mask and 2 for a copy.
void write_shifted(Runtime& runtime, const ladder::Ascent& ascent, const Tensor& scale,
                   const Segments& segments, const Tensor& w, const Tensor& g,
                   const Tensor& shifted, const Tensor& copy) {
  with_float(w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const FlatAscent<T> flat(scale, ascent.metric, segments, ascent.enabled);
    with_cursor(flat, [&]<class Cursor>() {
      with_input<T>(ascent.mask, [&](auto mask) {
        with_copy(Output<T>{shifted.data<T>()}, copy, [&](auto out) {
          pass(runtime, w.numel(), Perturb<T, Cursor>{flat}, Input<T>{w.data<T>()},
               Input<T>{g.data<T>()}, mask, out);
        });
      });
    });
  });
}

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
    flat_sum(*runtime_, device_, x.numel(), Product{}, out.data<double>(), Input<T>{x.data<T>()},
             Input<T>{y.data<T>()});
  });
}

void DeviceBackend::metric_squared_norm(const Tensor& w, const Tensor& g, Metric metric,
                                        const Segments& segments, Tensor& out) {
  masked_squared_norm({.metric = metric}, segments, w, g, out);
}

// 4 bytes; 4 more for w where the metric is adaptive, and for a mask.
void DeviceBackend::masked_squared_norm(const ladder::Ascent& ascent, const Segments& segments,
                                        const Tensor& w, const Tensor& g, Tensor& out) {
  with_float(g.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const bool masked = ascent.masked_norm && ascent.mask.defined();
    const FlatAscent<T> flat({}, ascent.metric, segments,
                             ascent.masked_norm ? ascent.enabled : Tensor{});
    const auto sum = [&](auto f, auto... arrays) {
      flat_sum(*runtime_, device_, g.numel(), f, out.data<double>(), Input<T>{g.data<T>()},
               arrays...);
    };
    if (!masked && !ascent.metric.adaptive && !flat.is_segmented()) return sum(Square{});
    with_cursor(flat, [&]<class Cursor>() {
      with_input<T>(ascent.metric.adaptive ? w : Tensor{}, [&](auto weight) {
        with_input<T>(masked ? ascent.mask : Tensor{},
                      [&](auto mask) { sum(MetricSquare<T, Cursor>{flat}, weight, mask); });
      });
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
                            const Segments& segments, Tensor& shifted, const Tensor& copy) {
  write_shifted(*runtime_, {.metric = metric}, scale, segments, w, g, shifted, copy);
}

void DeviceBackend::masked_perturb(const ladder::Ascent& ascent, const Tensor& scale,
                                   const Segments& segments, const Tensor& w, const Tensor& g,
                                   Tensor& shifted) {
  write_shifted(*runtime_, ascent, scale, segments, w, g, shifted, {});
}

void DeviceBackend::ascent_direction(const Tensor& w, const Tensor& g, const Tensor& scale,
                                     Metric metric, const Segments& segments, Tensor& u) {
  with_float(g.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const FlatAscent<T> flat(scale, metric, segments);
    with_cursor(flat, [&]<class Cursor>() {
      with_input<T>(metric.adaptive ? w : Tensor{}, [&](auto weight) {
        pass(*runtime_, g.numel(), Direction<T, Cursor>{flat}, weight, Input<T>{g.data<T>()},
             Output<T>{u.data<T>()});
      });
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
