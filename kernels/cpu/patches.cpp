#include "polder/kernels/cpu/patches.h"

#include <algorithm>

namespace polder::kernels::cpu {
namespace {

/// A stretch of taps that lie side by side both in a patch row and in x: of a kernel row, or with
/// several groups of one kernel position. `before` and `after` of them fall on the padding.
struct Run {
  std::int64_t patch = 0, x = 0;  // where it begins
  std::int64_t before = 0, inside = 0, after = 0;
};

/// Taps [begin, end) of the run whose first tap is kernel position (h, w), padding taken off.
struct RunTaps {
  std::int64_t h, w, begin, end;
  std::int64_t size() const { return end - begin; }
};

/// Calls f(run) for the output columns of a line; `run` comes in with the patch offset of the first
/// and, when the line reads x at all, the x offset of the line's first pixel in the group.
template <class F>
void for_each_run_on_line(const ConvGeometry& g, const RunTaps& taps, Range columns,
                          std::int64_t patch_stride, Run run, F&& f) {
  const std::int64_t first_pixel = run.x, channels = g.group_in();
  for (std::int64_t column = columns.begin; column < columns.end; ++column) {
    const std::int64_t w = column * g.window.stride_w + taps.w;
    const std::int64_t low = std::clamp(-w * channels, taps.begin, taps.end);
    const std::int64_t high = std::clamp((g.in_w - w) * channels, low, taps.end);
    run.x = first_pixel + w * g.in_channels + low;
    run.before = low - taps.begin;
    run.inside = high - low;
    run.after = taps.end - high;
    f(run);
    run.patch += patch_stride;
  }
}

/// Calls f(run) for every run of the block: runs outside, rows in ascending order inside.
template <class F>
void for_each_run(const ConvGeometry& g, std::int64_t group, Range rows, Range columns, F&& f) {
  const std::int64_t positions = g.groups == 1 ? g.window.kernel_w : 1;
  const std::int64_t length = positions * g.group_in();
  for (std::int64_t start = columns.begin / length * length; start < columns.end; start += length) {
    const std::int64_t kernel = start / length * positions;
    const RunTaps taps{kernel / g.window.kernel_w - g.window.padding_h,
                       kernel % g.window.kernel_w - g.window.padding_w,
                       std::max<std::int64_t>(columns.begin - start, 0),
                       std::min(columns.end - start, length)};
    Run run{.patch = start + taps.begin - columns.begin};
    for (std::int64_t row = rows.begin; row < rows.end;) {
      const std::int64_t line = row / g.out_w, column = row % g.out_w;
      const std::int64_t count = std::min(rows.end - row, g.out_w - column);
      const std::int64_t h = line % g.out_h * g.window.stride_h + taps.h;
      if (h < 0 || h >= g.in_h) {
        for (std::int64_t i = 0; i < count; ++i)
          f(Run{run.patch + i * columns.size(), 0, taps.size(), 0, 0});
      } else {
        run.x = (line / g.out_h * g.in_h + h) * g.in_w * g.in_channels + group * g.group_in();
        for_each_run_on_line(g, taps, {column, column + count}, columns.size(), run, f);
      }
      run.patch += count * columns.size();
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
  for_each_run(geometry, group, rows, columns, [&](const Run& run) {
    T* target = patches + run.patch;
    target = std::fill_n(target, run.before, T{0});
    target = std::copy_n(x + run.x, run.inside, target);
    std::fill_n(target, run.after, T{0});
  });
}

template <class T>
void scatter_add_patches(const ConvGeometry& geometry, const T* patches, std::int64_t group,
                         Range rows, Range columns, T* x) {
  for_each_run(geometry, group, rows, columns, [&](const Run& run) {
    const T* __restrict source = patches + run.patch + run.before;
    T* __restrict target = x + run.x;
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
