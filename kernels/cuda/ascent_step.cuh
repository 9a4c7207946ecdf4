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
  bool adaptive;

  /// T T g
  __device__ T direction(T w, T g) const {
    if (!adaptive) return g;
    const T stretch = abs(w) + xi;
    return stretch * stretch * g;
  }
  __device__ T step(T w, T g) const { return factor * direction(w, g); }
  /// w + step. Where nothing is added, w: -0 + 0 would be +0.
  __device__ T shifted(T w, T g) const {
    const T along = direction(w, g);
    return factor * along == 0 ? w : fma(factor, along, w);
  }
};

/// An ascent step over a whole array, as an argument of a kernel.
template <class T>
struct FlatAscent {
  const double* scale;  // null: 1
  T xi;
  bool adaptive;                // everywhere, unless `marks` says otherwise
  bool per_segment;             // one scale for each segment
  const std::int64_t* marks;    // null: no segment differs in its metric
  const std::int64_t* offsets;  // segments + 1 positions
  std::int64_t segments;

  FlatAscent(const Tensor& scales, Metric metric, const Segments& table)
      : scale(scales.defined() ? scales.data<double>() : nullptr),
        xi(static_cast<T>(metric.xi)),
        adaptive(metric.adaptive),
        per_segment(scales.defined() && scales.rank() > 0),
        marks(metric.adaptive && !metric.everywhere ? table.adaptive.data<std::int64_t>()
                                                    : nullptr),
        offsets(marks != nullptr || per_segment ? table.offsets.data<std::int64_t>() : nullptr),
        segments(offsets != nullptr ? table.offsets.numel() - 1 : 0) {}

  bool is_segmented() const { return offsets != nullptr; }

  /// The step in segment s; `divisor` divides the scale.
  __device__ LocalAscent<T> in(std::int64_t s, double divisor = 1) const {
    const double length = scale == nullptr ? 1 : scale[per_segment ? s : 0];
    return {static_cast<T>(length / divisor), xi, marks != nullptr ? marks[s] != 0 : adaptive};
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

/// The ascent step where a thread is. It keeps what it found until it leaves the segment.
template <class T, bool segmented>
class AscentCursor {
 public:
  __device__ explicit AscentCursor(const FlatAscent<T>& ascent, double divisor = 1)
      : ascent_(ascent), divisor_(divisor) {
    if constexpr (!segmented) local_ = ascent.in(0, divisor);
  }
  __device__ const LocalAscent<T>& at(std::int64_t i) {
    if constexpr (segmented)
      if (i < begin_ || i >= end_) enter(segment_at(ascent_.offsets, ascent_.segments, i));
    return local_;
  }

 private:
  __device__ void enter(std::int64_t s) {
    begin_ = ascent_.offsets[s];
    end_ = ascent_.offsets[s + 1];
    local_ = ascent_.in(s, divisor_);
  }

  FlatAscent<T> ascent_;
  double divisor_;
  LocalAscent<T> local_{};
  std::int64_t begin_ = 0, end_ = 0;
};

}  // namespace polder::kernels::POLDER_DEVICE
