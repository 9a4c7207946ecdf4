#pragma once

#include "kernels/kernel_test.h"

// A flat array cut into segments as a model's weights are, for the tests of the flat kernels.
namespace polder::kernels::testing {

/// Cuts [0, n) at odd places; every other segment is adaptive. No segment is empty.
inline Segments cut_into_segments(std::int64_t n, Device device) {
  Segments segments;
  segments.host_offsets = {0};
  Indices adaptive;
  for (std::int64_t length = 1, at = 0; at < n; length = length * 5 + 2) {
    at = std::min(n, at + length);
    segments.host_offsets.push_back(at);
    adaptive.push_back(static_cast<std::int64_t>(adaptive.size() % 2 == 0));
  }
  const auto count = static_cast<std::int64_t>(adaptive.size());
  segments.offsets = Tensor::from(segments.host_offsets, {count + 1}, device);
  segments.adaptive = Tensor::from(adaptive, {count}, device);
  return segments;
}

/// The segment that element i lies in.
inline std::size_t segment_of(const Segments& segments, std::size_t i) {
  std::size_t s = 0;
  while (segments.host_offsets[s + 1] <= static_cast<std::int64_t>(i)) ++s;
  return s;
}

/// T of every element, in float64.
inline Values metric_values(const Values& w, Metric metric, const Segments& segments) {
  Values result(w.size(), 1.0);
  const Values adaptive = host(segments.adaptive);
  for (std::size_t i = 0; i < w.size(); ++i)
    if (metric.adaptive && (metric.everywhere || adaptive[segment_of(segments, i)] != 0))
      result[i] = std::abs(w[i]) + metric.xi;
  return result;
}

inline const std::vector<Metric> kMetrics = {
    {}, {.adaptive = true, .xi = 0.01}, {.adaptive = true, .xi = 0.01, .everywhere = true}};

}  // namespace polder::kernels::testing
