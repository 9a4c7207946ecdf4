#include "polder/kernels/cpu/patches.h"

#include <algorithm>

namespace polder::kernels::cpu {
namespace {

/// A stretch of taps that lie side by side both in a patch row and in x: a kernel row, or with
/// several groups one kernel position. `before` and `after` taps of it fall on the padding.
struct Run {
  std::int64_t x_offset = 0, before = 0, inside = 0, after = 0;
};

struct RunLayout {
  explicit RunLayout(const ConvGeometry& g)
      : positions(g.groups == 1 ? g.window.kernel_w : 1), length(positions * g.group_in()) {}
  std::int64_t positions, length;
};

struct Position {
  std::int64_t image, row, column;
};

Position position_of(const ConvGeometry& g, std::int64_t index) {
  const std::int64_t line = index / g.out_w;
  return {line / g.out_h, line % g.out_h, index % g.out_w};
}

/// The part of a run's taps [begin, end) at an output position.
Run part_of_run(const ConvGeometry& g, RunLayout layout, std::int64_t group, Position p,
                std::int64_t run, std::int64_t begin, std::int64_t end) {
  const std::int64_t first = run * layout.positions;
  const std::int64_t h = p.row * g.window.stride_h - g.window.padding_h + first / g.window.kernel_w;
  const std::int64_t w =
      p.column * g.window.stride_w - g.window.padding_w + first % g.window.kernel_w;
  if (h < 0 || h >= g.in_h) return {0, end - begin, 0, 0};
  const std::int64_t low = std::clamp(-w * g.group_in(), begin, end);
  const std::int64_t high = std::clamp((g.in_w - w) * g.group_in(), low, end);
  const std::int64_t pixel = ((p.image * g.in_h + h) * g.in_w + w) * g.in_channels;
  return {pixel + group * g.group_in() + low, low - begin, high - low, end - high};
}

/// Calls f(run) for the consecutive runs of every row of the block.
template <class F>
void for_each_run(const ConvGeometry& g, std::int64_t group, Range rows, Range columns, F&& f) {
  const RunLayout layout(g);
  const std::int64_t first = columns.begin / layout.length;
  const std::int64_t last = ceil_div(columns.end, layout.length);
  Position p = position_of(g, rows.begin);
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    for (std::int64_t run = first; run < last; ++run) {
      const std::int64_t start = run * layout.length;
      f(part_of_run(g, layout, group, p, run, std::max<std::int64_t>(columns.begin - start, 0),
                    std::min(columns.end - start, layout.length)));
    }
    if (++p.column < g.out_w) continue;
    p.column = 0;
    if (++p.row < g.out_h) continue;
    p.row = 0;
    ++p.image;
  }
}

}  // namespace

ConvGeometry ConvGeometry::of(const Shape& x, const Shape& y, Window window, std::int64_t groups) {
  return {x[0], x[1], x[2], x[3], y[1], y[2], y[3], groups, window};
}

bool ConvGeometry::patches_are_input() const {
  return groups == 1 && window.kernel_h == 1 && window.kernel_w == 1 && window.stride_h == 1 &&
         window.stride_w == 1 && window.padding_h == 0 && window.padding_w == 0;
}

template <class T>
void gather_patches(const ConvGeometry& geometry, const T* x, std::int64_t group, Range rows,
                    Range columns, T* patches) {
  for_each_run(geometry, group, rows, columns, [&](Run run) {
    patches = std::fill_n(patches, run.before, T{0});
    patches = std::copy_n(x + run.x_offset, run.inside, patches);
    patches = std::fill_n(patches, run.after, T{0});
  });
}

template <class T>
void scatter_add_patches(const ConvGeometry& geometry, const T* patches, std::int64_t group,
                         Range rows, Range columns, T* x) {
  for_each_run(geometry, group, rows, columns, [&](Run run) {
    patches += run.before;
    T* target = x + run.x_offset;
    for (std::int64_t i = 0; i < run.inside; ++i) target[i] += patches[i];
    patches += run.inside + run.after;
  });
}

template void gather_patches(const ConvGeometry&, const float*, std::int64_t, Range, Range, float*);
template void gather_patches(const ConvGeometry&, const double*, std::int64_t, Range, Range,
                             double*);
template void scatter_add_patches(const ConvGeometry&, const float*, std::int64_t, Range, Range,
                                  float*);
template void scatter_add_patches(const ConvGeometry&, const double*, std::int64_t, Range, Range,
                                  double*);

}  // namespace polder::kernels::cpu
