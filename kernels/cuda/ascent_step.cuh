#pragma once

#include "polder/kernels/backend.h"
#include "polder/kernels/cuda/launch.cuh"

/// An ascent step eps = scale T T g as kernels take it, element by element: what the metric and the
/// scale are at one place, and how a thread finds that out without a table of the host.
namespace polder::kernels::POLDER_DEVICE {

/// Added to norms before they divide, so that a zero gradient gives a zero step.
inline constexpr double kNormGuard = 1e-12;

/// An ascent step within one segment.
template <class T>
struct LocalAscent {
  T factor, xi;
  double margin;  // xi
  bool adaptive, enabled;

  /// T T g
  __device__ T direction(T w, T g) const {
    if (!adaptive) return g;
    const T stretch = abs(w) + xi;
    return stretch * stretch * g;
  }
  __device__ T step(T w, T g) const { return enabled ? factor * direction(w, g) : T{0}; }
  /// w + step. Where nothing is added, w: -0 + 0 would be +0.
  __device__ T shifted(T w, T g) const {
    const T along = direction(w, g);
    return !enabled || factor * along == 0 ? w : fma(factor, along, w);
  }
  /// sum + (T g)^2, in float64 throughout.
  __device__ double add_square(double sum, T w, T g) const {
    double value = static_cast<double>(g);
    if (adaptive) value *= abs(static_cast<double>(w)) + margin;
    return enabled ? fma(value, value, sum) : sum;
  }
};

/// An ascent step over a whole array, as an argument of a kernel.
template <class T>
struct FlatAscent {
  const double* scale;  // null: 1
  bool per_segment;     // one scale for each segment
  double xi;
  bool adaptive;                // everywhere, unless `marks` says otherwise
  const std::int64_t* marks;    // null: no segment differs in its metric
  const std::int64_t* enabled;  // null: no segment is left out
  const std::int64_t* offsets;  // segments + 1 positions; null: no segment differs
  std::int64_t segments;

  FlatAscent(const Tensor& scales, Metric metric, const Segments& table, const Tensor& flags = {})
      : scale(scales.defined() ? scales.data<double>() : nullptr),
        per_segment(scales.defined() && scales.rank() > 0),
        xi(metric.xi),
        adaptive(metric.adaptive),
        marks(metric.adaptive && !metric.everywhere ? table.adaptive.data<std::int64_t>()
                                                    : nullptr),
        enabled(flags.defined() ? flags.data<std::int64_t>() : nullptr),
        offsets(per_segment || marks != nullptr || enabled != nullptr
                    ? table.offsets.data<std::int64_t>()
                    : nullptr),
        segments(offsets != nullptr ? table.offsets.numel() - 1 : 0) {}

  bool is_segmented() const { return offsets != nullptr; }

  /// The step in segment s; `divisor` divides the scale.
  __device__ LocalAscent<T> in(std::int64_t s, double divisor = 1) const {
    const double length = scale == nullptr ? 1 : scale[per_segment ? s : 0];
    return {static_cast<T>(length / divisor), static_cast<T>(xi), xi,
            marks != nullptr ? marks[s] != 0 : adaptive, enabled == nullptr || enabled[s] != 0};
  }
};

/// The segment that element i lies in: the last that starts at or before it.
__device__ inline std::int64_t segment_at(const std::int64_t* offsets, std::int64_t segments,
                                          std::int64_t i) {
  std::int64_t low = 0, high = segments;
  while (high - low > 1) {
    const std::int64_t middle = (low + high) / 2;
    (offsets[middle] <= i ? low : high) = middle;
  }
  return low;
}

// How a thread knows the ascent step at element i:

/// It is the same everywhere.
template <class T>
class SameEverywhere {
 public:
  __device__ explicit SameEverywhere(const FlatAscent<T>& ascent, double divisor = 1)
      : local_(ascent.in(0, divisor)) {}
  __device__ const LocalAscent<T>& at(std::int64_t) const { return local_; }

 private:
  LocalAscent<T> local_;
};

/// It looks the segment up, and keeps what it found until it leaves it.
template <class T>
class SegmentCursor {
 public:
  __device__ explicit SegmentCursor(const FlatAscent<T>& ascent, double divisor = 1)
      : ascent_(ascent), divisor_(divisor) {}
  __device__ const LocalAscent<T>& at(std::int64_t i) {
    if (i < begin_ || i >= end_) {
      const std::int64_t s = segment_at(ascent_.offsets, ascent_.segments, i);
      begin_ = ascent_.offsets[s];
      end_ = ascent_.offsets[s + 1];
      local_ = ascent_.in(s, divisor_);
    }
    return local_;
  }

 private:
  FlatAscent<T> ascent_;
  double divisor_;
  LocalAscent<T> local_{};
  std::int64_t begin_ = 0, end_ = 0;
};

/// It is told.
template <class T>
class ToldSegment {
 public:
  __device__ explicit ToldSegment(const FlatAscent<T>& ascent) : ascent_(ascent) {}
  __device__ void enter(std::int64_t s) { local_ = ascent_.in(s); }
  __device__ const LocalAscent<T>& at(std::int64_t) const { return local_; }

 private:
  FlatAscent<T> ascent_;
  LocalAscent<T> local_{};
};

/// Calls f.template operator()<Cursor>() with the first of the two that is enough.
template <class T, class F>
void with_cursor(const FlatAscent<T>& ascent, F&& f) {
  if (ascent.is_segmented())
    f.template operator()<SegmentCursor<T>>();
  else
    f.template operator()<SameEverywhere<T>>();
}

// Work of a thread, element by element (pass.cuh, flat_sum.cuh). Where the mask is 0 nothing
// happens, whatever g is.

/// The term (T g)^2 of a squared norm.
template <class T, class Cursor>
struct MetricSquare {
  FlatAscent<T> ascent;

  struct Term {
    Cursor cursor;
    __device__ double operator()(double sum, std::int64_t i, T g, T w, T mask) {
      return mask == 0 ? sum : cursor.at(i).add_square(sum, w, g);
    }
  };
  __device__ Term start() const { return {Cursor(ascent)}; }
};

/// shifted = w + eps.
template <class T, class Cursor>
struct Perturb {
  FlatAscent<T> ascent;

  struct Worker {
    Cursor cursor;
    __device__ void operator()(std::int64_t i, T w, T g, T mask, T& shifted) {
      shifted = mask == 0 ? w : cursor.at(i).shifted(w, g);
    }
  };
  __device__ Worker start() const { return {Cursor(ascent)}; }
};

/// backup = w, then w <- w + eps.
template <class T, class Cursor>
struct PerturbInPlace {
  FlatAscent<T> ascent;

  struct Worker {
    Cursor cursor;
    __device__ void operator()(std::int64_t i, T& w, T g, T mask, T& backup) {
      backup = w;
      if (mask != 0) w = cursor.at(i).shifted(w, g);
    }
  };
  __device__ Worker start() const { return {Cursor(ascent)}; }
};

}  // namespace polder::kernels::POLDER_DEVICE
