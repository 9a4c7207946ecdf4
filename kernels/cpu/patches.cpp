#include "polder/kernels/cpu/patches.h"

#include <algorithm>
#include <array>
#include <utility>

namespace polder::kernels::cpu {
namespace {

/// Stretches of taps that lie side by side both in a patch row and in x: of a kernel row, or with
/// several groups of one kernel position. `before` and `after` taps of each fall on the padding.
/// `count` equal ones belong to neighbouring output positions.
struct Runs {
  std::int64_t patch = 0, x = 0;  // where the first begins
  std::int64_t before = 0, inside = 0, after = 0;
  std::int64_t count = 1;
};

/// Taps [begin, end) of the run whose first tap is kernel position (h, w), padding taken off.
struct RunTaps {
  std::int64_t h, w, begin, end;
  std::int64_t size() const { return end - begin; }
};

/// The output columns whose run keeps clear of the padding.
Range interior(const ConvGeometry& g, const RunTaps& taps, Range columns) {
  const std::int64_t stride = g.window.stride_w;
  const std::int64_t least = -taps.w - taps.begin / g.group_in();
  const std::int64_t most = g.in_w - taps.w - ceil_div(taps.end, g.group_in());
  const std::int64_t first =
      std::clamp(least > 0 ? ceil_div(least, stride) : 0, columns.begin, columns.end);
  return {first, most < 0 ? first : std::clamp(most / stride + 1, first, columns.end)};
}

/// The run at one output column; `pixels` is where the line of x begins in the group.
Runs run_at(const ConvGeometry& g, const RunTaps& taps, std::int64_t pixels, std::int64_t column,
            std::int64_t patch) {
  const std::int64_t w = column * g.window.stride_w + taps.w;
  const std::int64_t low = std::clamp(-w * g.group_in(), taps.begin, taps.end);
  const std::int64_t high = std::clamp((g.in_w - w) * g.group_in(), low, taps.end);
  return {patch, pixels + w * g.in_channels + low, low - taps.begin, high - low, taps.end - high};
}

/// Calls f(runs) for output columns of one line that reads x.
template <class F>
void for_runs_of_line(const ConvGeometry& g, const RunTaps& taps, std::int64_t pixels,
                      Range columns, std::int64_t patch, std::int64_t patch_step, F&& f) {
  const Range inner = interior(g, taps, columns);
  const auto at = [&](std::int64_t column) {
    return run_at(g, taps, pixels, column, patch + (column - columns.begin) * patch_step);
  };
  for (std::int64_t column = columns.begin; column < inner.begin; ++column) f(at(column));
  if (inner.size() > 0) {
    Runs runs = at(inner.begin);
    runs.count = inner.size();
    f(runs);
  }
  for (std::int64_t column = inner.end; column < columns.end; ++column) f(at(column));
}

/// Calls f(runs) for every run of the block: runs outside, rows in ascending order inside.
template <class F>
void for_runs(const ConvGeometry& g, std::int64_t group, Range rows, Range columns, F&& f) {
  const std::int64_t positions = g.groups == 1 ? g.window.kernel_w : 1;
  const std::int64_t length = positions * g.group_in();
  for (std::int64_t start = columns.begin / length * length; start < columns.end; start += length) {
    const std::int64_t kernel = start / length * positions;
    const RunTaps taps{kernel / g.window.kernel_w - g.window.padding_h,
                       kernel % g.window.kernel_w - g.window.padding_w,
                       std::max<std::int64_t>(columns.begin - start, 0),
                       std::min(columns.end - start, length)};
    std::int64_t patch = start + taps.begin - columns.begin;
    for (std::int64_t row = rows.begin; row < rows.end;) {
      const std::int64_t line = row / g.out_w, column = row % g.out_w;
      const std::int64_t count = std::min(rows.end - row, g.out_w - column);
      const std::int64_t h = line % g.out_h * g.window.stride_h + taps.h;
      const std::int64_t x_line = (line / g.out_h * g.in_h + h) * g.in_w;
      if (h < 0 || h >= g.in_h)
        f(Runs{.patch = patch, .before = taps.size(), .count = count});
      else
        for_runs_of_line(g, taps, x_line * g.in_channels + group * g.group_in(),
                         {column, column + count}, patch, columns.size(), f);
      patch += count * columns.size();
      row += count;
    }
  }
}

struct Copy {
  template <class T>
  static void row(const T* __restrict source, T* __restrict target, std::int64_t length) {
    std::copy_n(source, length, target);
  }
};

struct Add {
  template <class T>
  static void row(const T* __restrict source, T* __restrict target, std::int64_t length) {
    for (std::int64_t i = 0; i < length; ++i) target[i] += source[i];
  }
};

/// Rows of some length in two places, each so many elements after the last.
template <class T>
struct Rows {
  const T* source;
  T* target;
  std::int64_t source_step, target_step, count;
};

template <class Operation, class T>
void each_row(const Rows<T>& rows, std::int64_t length) {
  for (std::int64_t i = 0; i < rows.count; ++i)
    Operation::row(rows.source + i * rows.source_step, rows.target + i * rows.target_step, length);
}

/// The same for a length that the compiler knows, which makes a short row a few moves.
template <class Operation, class T, std::int64_t kLength>
void each_short_row(const Rows<T>& rows) {
  each_row<Operation>(rows, kLength);
}

template <class Operation, class T, std::size_t... kLengths>
constexpr auto each_short_row_by_length(std::index_sequence<kLengths...>) {
  return std::array{&each_short_row<Operation, T, std::int64_t{kLengths}>...};
}

template <class Operation, class T>
void apply(const Rows<T>& rows, std::int64_t length) {
  static constexpr auto kShort =
      each_short_row_by_length<Operation, T>(std::make_index_sequence<33>());
  if (length < std::ssize(kShort))
    kShort[static_cast<std::size_t>(length)](rows);
  else
    each_row<Operation>(rows, length);
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
  const std::int64_t x_step = geometry.window.stride_w * geometry.in_channels;
  for_runs(geometry, group, rows, columns, [&](const Runs& runs) {
    T* target = patches + runs.patch;
    if (runs.before + runs.after > 0)
      for (std::int64_t i = 0; i < runs.count; ++i) {
        T* row = target + i * columns.size();
        std::fill_n(row, runs.before, T{0});
        std::fill_n(row + runs.before + runs.inside, runs.after, T{0});
      }
    if (runs.inside > 0)
      apply<Copy>(Rows<T>{x + runs.x, target + runs.before, x_step, columns.size(), runs.count},
                  runs.inside);
  });
}

template <class T>
void scatter_add_patches(const ConvGeometry& geometry, const T* patches, std::int64_t group,
                         Range rows, Range columns, T* x) {
  const std::int64_t x_step = geometry.window.stride_w * geometry.in_channels;
  for_runs(geometry, group, rows, columns, [&](const Runs& runs) {
    if (runs.inside > 0)
      apply<Add>(Rows<T>{patches + runs.patch + runs.before, x + runs.x, columns.size(), x_step,
                         runs.count},
                 runs.inside);
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
