#pragma once

#include <cstdint>

namespace polder::kernels::cpu {

/// Sum of term(i) over [begin, end) in float64, in sixteen interleaved running sums: an order that
/// vectorises and is the same whatever the vector length of the machine.
template <class F>
double lane_sum(std::int64_t begin, std::int64_t end, F&& term) {
  constexpr int kLanes = 16;
  double lanes[kLanes] = {};
  std::int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes)
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += term(i + lane);
  for (int lane = 0; i < end; ++i, ++lane) lanes[lane] += term(i);
  for (int width = kLanes / 2; width > 0; width /= 2)
    for (int lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  return lanes[0];
}

}  // namespace polder::kernels::cpu
