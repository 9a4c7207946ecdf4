#pragma once

#include <algorithm>
#include <cstdint>

namespace polder::kernels::cpu {

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

/// A half-open range of positions.
struct Range {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
};

/// [0, n) cut into `count` nearly equal ranges whose ends are multiples of `unit` (but the last).
/// Depends on the arguments alone, as everything here does: threads only choose who computes what.
struct Cut {
  std::int64_t n = 0, length = 1;

  static Cut into(std::int64_t n, std::int64_t count, std::int64_t unit) {
    return {n, std::max(unit, round_up(ceil_div(n, std::max<std::int64_t>(count, 1)), unit))};
  }
  std::int64_t count() const { return ceil_div(n, length); }
  Range operator[](std::int64_t i) const { return {i * length, std::min(n, (i + 1) * length)}; }
};

/// How an [m, n] product over k terms is shared out: tiles of the result, and for a long sum with a
/// small result, strands of the sum that are added up afterwards in ascending order.
struct Tiling {
  Cut m, n, k;
  std::int64_t tiles() const { return m.count() * n.count(); }
};

inline constexpr std::int64_t kTasksWanted = 16;
/// Multiplications worth a task of their own: some tens of microseconds.
inline constexpr std::int64_t kTaskWork = std::int64_t{1} << 20;

/// Of one product among `batches` equal ones.
inline Tiling tiling_of(std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t batches = 1) {
  const std::int64_t wanted = ceil_div(kTasksWanted, std::max<std::int64_t>(batches, 1));
  const std::int64_t tasks = std::min(wanted, ceil_div(m * n * k, kTaskWork));
  std::int64_t across_m = 1, across_n = 1;
  while (across_m * across_n < tasks) {
    const std::int64_t tall = m / across_m, wide = n / across_n;
    if (std::max(tall, wide) < 128) break;
    ++(tall >= wide ? across_m : across_n);
  }
  const Tiling tiling{Cut::into(m, across_m, 16), Cut::into(n, across_n, 16), {}};
  const std::int64_t tiles = std::max<std::int64_t>(1, tiling.tiles());
  const std::int64_t strands = std::min(ceil_div(tasks, tiles), k / 1024);
  return {tiling.m, tiling.n, Cut::into(k, strands, 64)};
}

}  // namespace polder::kernels::cpu
