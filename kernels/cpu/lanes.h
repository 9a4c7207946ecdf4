#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace polder::kernels::cpu {

/// Running results side by side: an order that vectorises and is the same whatever the vector
/// length of the machine.
inline constexpr int kLanes = 16;

/// Sum of term(i) over [begin, end) in float64; short sums in ascending order, others in lanes.
template <class F>
double lane_sum(std::int64_t begin, std::int64_t end, F&& term) {
  if (end - begin < kLanes) {
    double sum = 0;
    for (std::int64_t i = begin; i < end; ++i) sum += term(i);
    return sum;
  }
  double lanes[kLanes] = {};
  std::int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes)
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += term(i + lane);
  for (int lane = 0; i < end; ++i, ++lane) lanes[lane] += term(i);
  for (int width = kLanes / 2; width > 0; width /= 2)
    for (int lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  return lanes[0];
}

/// The larger number; NaN when either is.
template <class T>
T larger(T a, T b) {
  return a >= b || std::isnan(a) ? a : b;
}

/// The largest of n > 0 elements; NaN when there is one.
template <class T>
T lane_max(const T* x, std::int64_t n) {
  T best = x[0];
  std::int64_t i = 0;
  if (n >= kLanes) {
    T lanes[kLanes];
    std::copy(x, x + kLanes, lanes);
    for (i = kLanes; i + kLanes <= n; i += kLanes)
      for (int lane = 0; lane < kLanes; ++lane) lanes[lane] = larger(lanes[lane], x[i + lane]);
    for (int lane = 0; lane < kLanes; ++lane) best = larger(best, lanes[lane]);
  }
  for (; i < n; ++i) best = larger(best, x[i]);
  return best;
}

}  // namespace polder::kernels::cpu
