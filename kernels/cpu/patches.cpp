#include "polder/kernels/cpu/patches.h"

#include <algorithm>

namespace polder::kernels::cpu {
namespace {

/// A stretch of taps that lie side by side both in a patch row and in x: of a kernel row, or with
/// several groups of one kernel position. `before` and `after` of them fall on the padding.
struct Run {
  std::int64_t patch_offset = 0, x_offset = 0;
  std::int64_t before = 0, inside = 0, after = 0;
};

/// Taps [begin, end) of a run whose first tap is kernel position (h, w), seen from one line of
/// output positions.
struct RunOnLine {
  std::int64_t image, h, w, begin, end;
};

/// Calls f(run) for the output columns [column, column + count) of a line.
template <class F>
void for_each_run_on_line(const ConvGeometry& g, RunOnLine line, std::int64_t channel,
                          std::int64_t patch_offset, std::int64_t patch_stride, std::int64_t column,
                          std::int64_t count, F&& f) {
  const bool on_padding = line.h < 0 || line.h >= g.in_h;
  const std::int64_t row = (line.image * g.in_h + line.h) * g.in_w;
  for (std::int64_t i = 0; i < count; ++i, patch_offset += patch_stride) {
    const std::int64_t w = (column + i) * g.window.stride_w + line.w;
    const std::int64_t low = std::clamp(-w * g.group_in(), line.begin, line.end);
    const std::int64_t high = std::clamp((g.in_w - w) * g.group_in(), low, line.end);
    if (on_padding)
      f(Run{patch_offset, 0, line.end - line.begin, 0, 0});
    else
      f(Run{patch_offset, (row + w) * g.in_channels + channel + low, low - line.begin, high - low,
            line.end - high});
  }
}

/// Calls f(run) for every run of the block, runs outside and rows in ascending order inside.
template <class F>
void for_each_run(const ConvGeometry& g, std::int64_t group, Range rows, Range columns, F&& f) {
  const std::int64_t positions = g.groups == 1 ? g.window.kernel_w : 1;
  const std::int64_t length = positions * g.group_in();
  for (std::int64_t start = columns.begin / length * length; start < columns.end; start += length) {
    const std::int64_t begin = std::max<std::int64_t>(columns.begin - start, 0);
    const std::int64_t end = std::min(columns.end - start, length);
    const std::int64_t kernel = start / length * positions;
    const std::int64_t h = kernel / g.window.kernel_w - g.window.padding_h;
    const std::int64_t w = kernel % g.window.kernel_w - g.window.padding_w;
    for (std::int64_t row = rows.begin; row < rows.end;) {
      const std::int64_t line = row / g.out_w, column = row % g.out_w;
      const std::int64_t count = std::min(rows.end - row, g.out_w - column);
      for_each_run_on_line(
          g, {line / g.out_h, line % g.out_h * g.window.stride_h + h, w, begin, end},
          group * g.group_in(), (row - rows.begin) * columns.size() + start + begin - columns.begin,
          columns.size(), column, count, f);
      row += count;
    }
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
    T* target = patches + run.patch_offset;
    target = std::fill_n(target, run.before, T{0});
    target = std::copy_n(x + run.x_offset, run.inside, target);
    std::fill_n(target, run.after, T{0});
  });
}

template <class T>
void scatter_add_patches(const ConvGeometry& geometry, const T* patches, std::int64_t group,
                         Range rows, Range columns, T* x) {
  for_each_run(geometry, group, rows, columns, [&](Run run) {
    const T* source = patches + run.patch_offset + run.before;
    T* target = x + run.x_offset;
    for (std::int64_t i = 0; i < run.inside; ++i) target[i] += source[i];
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
