#include <algorithm>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/gemm.h"
#include "polder/kernels/cpu/narrow_gradient.h"
#include "polder/kernels/cpu/parallel.h"
#include "polder/kernels/cpu/partial_sums.h"
#include "polder/kernels/cpu/patches.h"
#include "polder/kernels/cpu/scratch.h"
#include "polder/kernels/cpu/tiling.h"
#include "polder/kernels/cpu/widened.h"

namespace polder::kernels::cpu {
namespace {

// A block of the patch matrix: what one thread gathers before it multiplies, about half a megabyte.
constexpr std::int64_t kPatchRows = 256, kPatchColumns = 640;

Cut column_blocks(std::int64_t columns) {
  return Cut::into(columns, ceil_div(columns, kPatchColumns), 16);
}

template <class T>
T* patch_scratch() {
  return thread_scratch_of<T>(Scratch::patches, kPatchRows * kPatchColumns);
}

/// Calls f(part) for consecutive parts of `range`, at most `length` long.
template <class F>
void for_each_part(Range range, std::int64_t length, F&& f) {
  for (std::int64_t begin = range.begin; begin < range.end; begin += length)
    f(Range{begin, std::min(range.end, begin + length)});
}

/// The patch matrix as a factor: x itself when they are the same, else gathered into scratch.
template <class T>
Factor<T> patch_factor(const ConvGeometry& g, const T* x, std::int64_t group, Range rows,
                       Range columns) {
  if (g.patches_are_input()) return {x + rows.begin * g.taps() + columns.begin, g.taps()};
  T* patches = patch_scratch<T>();
  gather_patches(g, x, group, rows, columns, patches);
  return {patches, columns.size()};
}

// ---- y = patches w^T -------------------------------------------------------------------------

/// y[rows, outputs] of one group, `weights` [taps, outputs of the group].
template <class T>
void forward_tile(const ConvGeometry& g, const T* x, Factor<T> weights, std::int64_t group,
                  Range rows, Range outputs, T* y) {
  const std::int64_t channel = group * g.group_out() + outputs.begin;
  const Cut columns = column_blocks(g.taps());
  for_each_part(rows, kPatchRows, [&](Range part) {
    for (std::int64_t i = 0; i < columns.count(); ++i) {
      const Range taps = columns[i];
      product(part.size(), outputs.size(), taps.size(), patch_factor(g, x, group, part, taps),
              weights.at(taps.begin, outputs.begin), y + part.begin * g.out_channels + channel,
              g.out_channels, i > 0);
    }
  });
}

/// `weights` is the first group's factor; those of the next groups follow in memory.
template <class T>
void forward(const ConvGeometry& g, const T* x, Factor<T> weights, T* y) {
  const Tiling tiling = tiling_of(g.positions(), g.group_out(), g.taps(), g.groups);
  const std::int64_t columns = tiling.n.count();
  parallel_tasks(g.groups * tiling.tiles(), [&](std::int64_t task) {
    const std::int64_t group = task / tiling.tiles(), tile = task % tiling.tiles();
    Factor<T> of_group = weights;
    of_group.data += group * g.group_out() * g.taps();
    forward_tile(g, x, of_group, group, tiling.m[tile / columns], tiling.n[tile % columns], y);
  });
}

/// Calls f(i) for i in [0, count), in tasks of about kTaskElements: moving few weights is not worth
/// waking the threads.
template <class F>
void move_weights(std::int64_t count, std::int64_t elements_each, F&& f) {
  constexpr std::int64_t kTaskElements = 4 * kElementBlock;
  parallel_blocks(count, ceil_div(kTaskElements, std::max<std::int64_t>(1, elements_each)),
                  [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t i = begin; i < end; ++i) f(i);
                  });
}

/// transposed[group, tap, o] = w[group, o, tap], a few outputs at a time: writing one number to
/// each of many far lines would push them out of the cache before they are full.
template <class T>
void transpose_weights(const ConvGeometry& g, const T* w, T* transposed) {
  constexpr std::int64_t kStrip = 16;
  const std::int64_t out = g.group_out(), taps = g.taps(), strips = ceil_div(out, kStrip);
  move_weights(g.groups * strips, kStrip * taps, [&](std::int64_t strip) {
    const std::int64_t first = strip / strips * out * taps, begin = strip % strips * kStrip;
    const std::int64_t end = std::min(out, begin + kStrip);
    for (std::int64_t tap = 0; tap < taps; ++tap)
      for (std::int64_t o = begin; o < end; ++o)
        transposed[first + tap * out + o] = w[first + o * taps + tap];
  });
}

/// Positions from which on it pays to transpose the weights once, instead of in every product.
constexpr std::int64_t kManyPositions = 1024;

template <class T>
void convolve(const ConvGeometry& g, const T* x, const T* w, T* y) {
  if (g.positions() < kManyPositions) return forward(g, x, Factor<T>{w, g.taps(), true}, y);
  const Tensor transposed = Tensor::empty({g.out_channels * g.taps()}, dtype_of<T>);
  transpose_weights(g, w, transposed.data<T>());
  forward(g, x, Factor<T>{transposed.data<T>(), g.group_out()}, y);
}

// ---- dw = dy^T patches -----------------------------------------------------------------------

/// dw[outputs of the group, columns] = sum over the positions of `strand`.
template <class T>
void weight_gradient_tile(const ConvGeometry& g, const T* x, const T* dy, std::int64_t group,
                          Range strand, Range columns, T* dw) {
  T* target = dw + group * g.group_out() * g.taps() + columns.begin;
  for_each_part(strand, kPatchRows, [&](Range rows) {
    const Factor<T> outputs{dy + rows.begin * g.out_channels + group * g.group_out(),
                            g.out_channels, true};
    product(g.group_out(), columns.size(), rows.size(), outputs,
            patch_factor(g, x, group, rows, columns), target, g.taps(), rows.begin > strand.begin);
  });
}

template <class T>
void weight_gradient(const ConvGeometry& g, const T* x, const T* dy, T* dw) {
  if (g.positions() == 0) {
    std::fill_n(dw, g.out_channels * g.taps(), T{0});
    return;
  }
  const Cut columns = column_blocks(g.taps());
  const std::int64_t tiles = g.groups * columns.count();
  const Cut strands = Cut::into(
      g.positions(),
      std::min(ceil_div(kTasksWanted, tiles), g.positions() * g.taps() * g.group_out() / kTaskWork),
      kPatchRows);
  const std::int64_t size = g.out_channels * g.taps();
  const Tensor partials =
      strands.count() > 1 ? Tensor::empty({strands.count(), size}, dtype_of<T>) : Tensor();
  T* sums = partials.defined() ? partials.data<T>() : dw;
  parallel_tasks(strands.count() * tiles, [&](std::int64_t task) {
    const std::int64_t strand = task / tiles, tile = task % tiles;
    weight_gradient_tile(g, x, dy, tile / columns.count(), strands[strand],
                         columns[tile % columns.count()], sums + strand * size);
  });
  if (partials.defined()) sum_partials(sums, strands.count(), size, dw);
}

// ---- dx: patches of dx = dy w, scattered back ------------------------------------------------

/// Adds the gradient of one group's inputs that the positions `rows` have seen.
template <class T>
void scatter_input_gradient(const ConvGeometry& g, const T* dy, const T* w, std::int64_t group,
                            Range rows, T* dx) {
  const Factor<T> outputs{dy + group * g.group_out(), g.out_channels};
  const Factor<T> weights{w + group * g.group_out() * g.taps(), g.taps()};
  const Cut columns = column_blocks(g.taps());
  T* patches = patch_scratch<T>();
  for_each_part(rows, kPatchRows, [&](Range part) {
    for (std::int64_t i = 0; i < columns.count(); ++i) {
      product(part.size(), columns[i].size(), g.group_out(), outputs.at(part.begin, 0),
              weights.at(0, columns[i].begin), patches, columns[i].size(), false);
      scatter_add_patches(g, patches, group, part, columns[i], dx);
    }
  });
}

/// Each task owns the dx of a few images: enough of them to fill a block of rows, if it can.
template <class T>
void scattered_input_gradient(const ConvGeometry& g, const T* dy, const T* w, T* dx) {
  const std::int64_t image = g.in_h * g.in_w * g.in_channels, map = g.out_h * g.out_w;
  parallel_blocks(g.images, ceil_div(kPatchRows, map), [&](std::int64_t begin, std::int64_t end) {
    std::fill(dx + begin * image, dx + end * image, T{0});
    for (std::int64_t group = 0; group < g.groups; ++group)
      scatter_input_gradient(g, dy, w, group, {begin * map, end * map}, dx);
  });
}

// ---- dx at stride 1: the convolution of dy with the kernel turned round -----------------------

/// turned[group, r, s, o, i] = w[group, o, Kh - 1 - r, Kw - 1 - s, i].
template <class T>
void turn_kernel(const ConvGeometry& g, const T* w, T* turned) {
  const std::int64_t area = g.window.kernel_h * g.window.kernel_w;
  const std::int64_t in = g.group_in(), out = g.group_out();
  move_weights(g.groups * area, out * in, [&](std::int64_t i) {
    const T* source = w + i / area * out * g.taps() + (area - 1 - i % area) * in;
    T* target = turned + i * out * in;
    for (std::int64_t o = 0; o < out; ++o) std::copy_n(source + o * g.taps(), in, target + o * in);
  });
}

template <class T>
void turned_input_gradient(const ConvGeometry& g, const T* dy, const T* w, T* dx) {
  const Window& window = g.window;
  const Tensor turned = Tensor::empty({g.out_channels * g.taps()}, dtype_of<T>);
  turn_kernel(g, w, turned.data<T>());
  const ConvGeometry transposed{
      g.images,
      g.out_h,
      g.out_w,
      g.out_channels,
      g.in_h,
      g.in_w,
      g.in_channels,
      g.groups,
      Window{window.kernel_h, window.kernel_w, 1, 1, window.kernel_h - 1 - window.padding_h,
             window.kernel_w - 1 - window.padding_w}};
  forward(transposed, dy, Factor<T>{turned.data<T>(), g.group_in()}, dx);
}

/// Few input channels would make the turned convolution a narrow product over many terms.
constexpr std::int64_t kNarrow = 16;

bool turns(const ConvGeometry& g) {
  const Window& window = g.window;
  return g.group_in() >= kNarrow && window.stride_h == 1 && window.stride_w == 1 &&
         window.padding_h < window.kernel_h && window.padding_w < window.kernel_w;
}

}  // namespace

void CpuBackend::conv2d(const Tensor& x, const Tensor& w, Window window, std::int64_t groups,
                        Tensor& y) {
  if (is_bfloat16(x))
    return in_float32(
        [&](Widened& wide) { conv2d(wide.in(x), wide.in(w), window, groups, wide.out(y)); });
  const auto geometry = ConvGeometry::of(x.shape(), y.shape(), window, groups);
  with_float(x.dtype(),
             [&]<class T>(T) { convolve(geometry, x.data<T>(), w.data<T>(), y.data<T>()); });
}

void CpuBackend::conv2d_input_gradient(const Tensor& dy, const Tensor& w, Window window,
                                       std::int64_t groups, Tensor& dx) {
  if (is_bfloat16(dy))
    return in_float32([&](Widened& wide) {
      conv2d_input_gradient(wide.in(dy), wide.in(w), window, groups, wide.out(dx));
    });
  const auto geometry = ConvGeometry::of(dx.shape(), dy.shape(), window, groups);
  with_float(dy.dtype(), [&]<class T>(T) {
    const auto gradient = has_narrow_input<T>(geometry) ? narrow_input_gradient<T>
                          : turns(geometry)             ? turned_input_gradient<T>
                                                        : scattered_input_gradient<T>;
    gradient(geometry, dy.data<T>(), w.data<T>(), dx.data<T>());
  });
}

void CpuBackend::conv2d_weight_gradient(const Tensor& x, const Tensor& dy, Window window,
                                        std::int64_t groups, Tensor& dw) {
  if (is_bfloat16(x))
    return in_float32([&](Widened& wide) {
      conv2d_weight_gradient(wide.in(x), wide.in(dy), window, groups, dw);
    });
  const auto geometry = ConvGeometry::of(x.shape(), dy.shape(), window, groups);
  with_float(x.dtype(), [&]<class T>(T) {
    weight_gradient(geometry, x.data<T>(), dy.data<T>(), dw.data<T>());
  });
}

}  // namespace polder::kernels::cpu
