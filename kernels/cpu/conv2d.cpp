#include <algorithm>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/gemm.h"
#include "polder/kernels/cpu/parallel.h"
#include "polder/kernels/cpu/partial_sums.h"
#include "polder/kernels/cpu/patches.h"
#include "polder/kernels/cpu/scratch.h"
#include "polder/kernels/cpu/tiling.h"

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

/// y[rows, outputs of the group] of one group.
template <class T>
void forward_tile(const ConvGeometry& g, const T* x, const T* w, std::int64_t group, Range rows,
                  Range outputs, T* y) {
  const std::int64_t channel = group * g.group_out() + outputs.begin;
  const Cut columns = column_blocks(g.taps());
  for_each_part(rows, kPatchRows, [&](Range part) {
    for (std::int64_t i = 0; i < columns.count(); ++i) {
      const Range taps = columns[i];
      const Factor<T> weights{w + channel * g.taps() + taps.begin, g.taps(), true};
      product(part.size(), outputs.size(), taps.size(), patch_factor(g, x, group, part, taps),
              weights, y + part.begin * g.out_channels + channel, g.out_channels, i > 0);
    }
  });
}

template <class T>
void forward(const ConvGeometry& g, const T* x, const T* w, T* y) {
  const Tiling tiling = tiling_of(g.positions(), g.group_out(), g.taps(), g.groups);
  const std::int64_t columns = tiling.n.count();
  parallel_tasks(g.groups * tiling.tiles(), [&](std::int64_t task) {
    const std::int64_t tile = task % tiling.tiles();
    forward_tile(g, x, w, task / tiling.tiles(), tiling.m[tile / columns], tiling.n[tile % columns],
                 y);
  });
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

/// Adds the gradient of one group's inputs of the images whose positions are `rows`.
template <class T>
void input_gradient_tile(const ConvGeometry& g, const T* dy, const T* w, std::int64_t group,
                         Range rows, T* dx) {
  const std::int64_t channel = group * g.group_out();
  const Cut columns = column_blocks(g.taps());
  T* patches = patch_scratch<T>();
  for_each_part(rows, kPatchRows, [&](Range part) {
    for (std::int64_t i = 0; i < columns.count(); ++i) {
      const Range taps = columns[i];
      product(part.size(), taps.size(), g.group_out(),
              Factor<T>{dy + part.begin * g.out_channels + channel, g.out_channels},
              Factor<T>{w + channel * g.taps() + taps.begin, g.taps()}, patches, taps.size(),
              false);
      scatter_add_patches(g, patches, group, part, taps, dx);
    }
  });
}

template <class T>
void scattered_input_gradient(const ConvGeometry& g, const T* dy, const T* w, T* dx) {
  const std::int64_t image = g.in_h * g.in_w * g.in_channels, map = g.out_h * g.out_w;
  parallel_blocks(g.images * image, kElementBlock, [&](std::int64_t begin, std::int64_t end) {
    std::fill(dx + begin, dx + end, T{0});
  });
  const Cut chunks = Cut::into(g.images, ceil_div(kTasksWanted, g.groups), 1);
  parallel_tasks(g.groups * chunks.count(), [&](std::int64_t task) {
    const Range images = chunks[task % chunks.count()];
    input_gradient_tile(g, dy, w, task / chunks.count(), {images.begin * map, images.end * map},
                        dx);
  });
}

// ---- dx at stride 1: the convolution of dy with the kernel turned round -----------------------

/// turned[group, i, r, s, o] = w[group, o, Kh - 1 - r, Kw - 1 - s, i].
template <class T>
void turn_kernel(const ConvGeometry& g, const T* w, T* turned) {
  const std::int64_t area = g.window.kernel_h * g.window.kernel_w;
  const std::int64_t in = g.group_in(), out = g.group_out();
  parallel_tasks(g.groups * in, [&](std::int64_t task) {
    const T* source = w + task / in * out * g.taps() + task % in;
    T* target = turned + task * area * out;
    for (std::int64_t p = 0; p < area; ++p)
      for (std::int64_t o = 0; o < out; ++o)
        target[p * out + o] = source[o * g.taps() + (area - 1 - p) * in];
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
  forward(transposed, dy, turned.data<T>(), dx);
}

bool turns(const ConvGeometry& g) {
  const Window& window = g.window;
  return window.stride_h == 1 && window.stride_w == 1 && window.padding_h < window.kernel_h &&
         window.padding_w < window.kernel_w;
}

}  // namespace

void CpuBackend::conv2d(const Tensor& x, const Tensor& w, Window window, std::int64_t groups,
                        Tensor& y) {
  const auto geometry = ConvGeometry::of(x.shape(), y.shape(), window, groups);
  with_float(x.dtype(),
             [&]<class T>(T) { forward(geometry, x.data<T>(), w.data<T>(), y.data<T>()); });
}

void CpuBackend::conv2d_input_gradient(const Tensor& dy, const Tensor& w, Window window,
                                       std::int64_t groups, Tensor& dx) {
  const auto geometry = ConvGeometry::of(dx.shape(), dy.shape(), window, groups);
  with_float(dy.dtype(), [&]<class T>(T) {
    const auto gradient = turns(geometry) ? turned_input_gradient<T> : scattered_input_gradient<T>;
    gradient(geometry, dy.data<T>(), w.data<T>(), dx.data<T>());
  });
}

void CpuBackend::conv2d_weight_gradient(const Tensor& x, const Tensor& dy, Window window,
                                        std::int64_t groups, Tensor& dw) {
  const auto geometry = ConvGeometry::of(x.shape(), dy.shape(), window, groups);
  with_float(x.dtype(), [&]<class T>(T) {
    weight_gradient(geometry, x.data<T>(), dy.data<T>(), dw.data<T>());
  });
}

}  // namespace polder::kernels::cpu
