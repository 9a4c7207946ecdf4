#include <cmath>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/lanes.h"
#include "polder/kernels/cpu/parallel.h"

namespace polder::kernels::cpu {
namespace {

/// Added to norms before they divide, so that a zero gradient gives a zero step.
constexpr double kNormGuard = 1e-12;

/// Sum over [0, n) of partial(begin, end), one call a block, blocks added in ascending order.
template <class F>
double block_sum(std::int64_t n, F&& partial) {
  if (n == 0) return 0.0;
  const std::int64_t blocks = (n + kElementBlock - 1) / kElementBlock;
  const Tensor sums = Tensor::empty({blocks}, DType::float64);
  double* sum = sums.data<double>();
  parallel_blocks(n, kElementBlock, [&](std::int64_t begin, std::int64_t end) {
    sum[begin / kElementBlock] = partial(begin, end);
  });
  double total = 0;
  for (std::int64_t block = 0; block < blocks; ++block) total += sum[block];
  return total;
}

/// Calls f(s, from, to) for the parts of [begin, end) that lie in each segment s.
template <class F>
void for_segments(const Segments& segments, std::int64_t begin, std::int64_t end, F&& f) {
  const auto& offsets = segments.host_offsets;
  auto next = std::upper_bound(offsets.begin(), offsets.end(), begin);
  while (begin < end) {
    const std::int64_t stop = next == offsets.end() ? end : std::min(end, *next);
    f(next - offsets.begin() - 1, begin, stop);
    begin = stop;
    if (next != offsets.end()) ++next;
  }
}

/// Calls f(s, is_adaptive, from, to) over pieces of [begin, end) with one metric and one scale.
/// Without a scale per segment, neighbours with the same metric are one piece, with s = 0: so an
/// adaptive metric that meets no marked segment sums in the order of the plain one.
template <class F>
void for_pieces(const Segments& segments, Metric metric, bool per_segment, std::int64_t begin,
                std::int64_t end, F&& f) {
  const bool marked = metric.adaptive && !metric.everywhere;
  if (!marked && !per_segment) return f(std::int64_t{0}, metric.adaptive, begin, end);
  const std::int64_t* marks = marked ? segments.adaptive.data<std::int64_t>() : nullptr;
  std::int64_t start = begin;
  bool current = false;
  for_segments(segments, begin, end, [&](std::int64_t s, std::int64_t from, std::int64_t to) {
    const bool adaptive = marked ? marks[s] != 0 : metric.adaptive;
    if (per_segment) return f(s, adaptive, from, to);
    if (adaptive != current && start < from) {
      f(std::int64_t{0}, current, start, from);
      start = from;
    }
    current = adaptive;
  });
  if (!per_segment) f(std::int64_t{0}, current, start, end);
}

/// out[i] = finish(i, scale T T g[i]).
template <class T, class F>
void for_directions(const Tensor& w, const Tensor& g, const Tensor& scale, Metric metric,
                    const Segments& segments, F finish) {
  const T *weight = w.data<T>(), *gradient = g.data<T>();
  const double* scales = scale.data<double>();
  const T xi = static_cast<T>(metric.xi);
  const bool per_segment = scale.rank() > 0;
  parallel_blocks(g.numel(), kElementBlock, [&](std::int64_t begin, std::int64_t end) {
    for_pieces(segments, metric, per_segment, begin, end,
               [=](std::int64_t s, bool adaptive, std::int64_t from, std::int64_t to) {
                 const T factor = static_cast<T>(scales[s]);
                 if (adaptive)
                   for (std::int64_t i = from; i < to; ++i) {
                     const T stretch = std::abs(weight[i]) + xi;
                     finish(i, factor * (stretch * stretch * gradient[i]));
                   }
                 else
                   for (std::int64_t i = from; i < to; ++i) finish(i, factor * gradient[i]);
               });
  });
}

}  // namespace

void CpuBackend::dot(const Tensor& x, const Tensor& y, Tensor& out) {
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *a = x.data<T>(), *b = y.data<T>();
    *out.data<double>() = block_sum(x.numel(), [=](std::int64_t begin, std::int64_t end) {
      return lane_sum(begin, end, [=](std::int64_t i) {
        return static_cast<double>(a[i]) * static_cast<double>(b[i]);
      });
    });
  });
}

void CpuBackend::metric_squared_norm(const Tensor& w, const Tensor& g, Metric metric,
                                     const Segments& segments, Tensor& out) {
  with_float(g.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *weight = w.data<T>(), *gradient = g.data<T>();
    const auto square = [=](std::int64_t i) {
      const double value = static_cast<double>(gradient[i]);
      return value * value;
    };
    const auto adaptive_square = [=, xi = metric.xi](std::int64_t i) {
      const double stretch = std::abs(static_cast<double>(weight[i])) + xi;
      const double value = stretch * static_cast<double>(gradient[i]);
      return value * value;
    };
    *out.data<double>() = block_sum(g.numel(), [&](std::int64_t begin, std::int64_t end) {
      double sum = 0;
      for_pieces(segments, metric, false, begin, end,
                 [&](std::int64_t, bool adaptive, std::int64_t from, std::int64_t to) {
                   sum +=
                       adaptive ? lane_sum(from, to, adaptive_square) : lane_sum(from, to, square);
                 });
      return sum;
    });
  });
}

void CpuBackend::ascent_scale(const Tensor& rho, const Tensor& squared_norm, Tensor& scale,
                              Tensor& norm) {
  const double length = std::sqrt(scalar(squared_norm));
  *norm.data<double>() = length;
  for (std::int64_t s = 0; s < rho.numel(); ++s)
    scale.data<double>()[s] = rho.data<double>()[s] / (length + kNormGuard);
}

void CpuBackend::perturb(const Tensor& w, const Tensor& g, const Tensor& scale, Metric metric,
                         const Segments& segments, Tensor& shifted, const Tensor& copy) {
  with_float(w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* weight = w.data<T>();
    T* out = shifted.data<T>();
    bfloat16* rounded = copy.defined() ? copy.data<bfloat16>() : nullptr;
    with_flag(copy.defined(), [&](auto has_copy) {
      // Where nothing is added, w is copied: -0 + 0 would be +0.
      for_directions<T>(w, g, scale, metric, segments, [=](std::int64_t i, T step) {
        out[i] = step == 0 ? weight[i] : weight[i] + step;
        if constexpr (has_copy) rounded[i] = bfloat16(out[i]);
      });
    });
  });
}

void CpuBackend::ascent_direction(const Tensor& w, const Tensor& g, const Tensor& scale,
                                  Metric metric, const Segments& segments, Tensor& u) {
  with_float(w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* out = u.data<T>();
    for_directions<T>(w, g, scale, metric, segments,
                      [=](std::int64_t i, T step) { out[i] = step; });
  });
}

void CpuBackend::clip(double limit, const Tensor& squared_norm, Tensor& x) {
  const double ratio = limit / (std::sqrt(scalar(squared_norm)) + kNormGuard);
  // A NaN norm must not pass for a small one: it reaches x.
  if (ratio >= 1.0) return;
  affine(x, ratio, 0.0, x);
}

}  // namespace polder::kernels::cpu
