#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/dispatch.h"
#include "polder/kernels/cuda/launch.cuh"
#include "polder/kernels/planes.h"

namespace polder::kernels::POLDER_DEVICE {
namespace {

/// y[o, n, i] = x[o, i]
template <class T>
__global__ void expand_axis(AxisView view, const T* x, T* y) {
  const std::int64_t count = view.outer * view.n * view.inner;
  for (std::int64_t i = thread_rank(); i < count; i += thread_count())
    y[i] = x[i / (view.n * view.inner) * view.inner + i % view.inner];
}

/// Planes whose columns are neighbours in x too: neighbours copy neighbours.
template <class T>
__global__ void copy_planes(Planes planes, const T* x, T* y) {
  const std::int64_t columns = planes.columns, count = planes.count * planes.rows * columns;
  for (std::int64_t i = thread_rank(); i < count; i += thread_count()) {
    const Planes::Start start = planes.start_of(i / (planes.rows * columns));
    const std::int64_t row = i / columns % planes.rows, column = i % columns;
    y[start.out + row * planes.row_out + column] = x[start.in + row + column * planes.column_in];
  }
}

constexpr int kTile = 32;

/// Planes that are transposed: a block takes a tile of 32 x 32 at a time, reads along x's rows and
/// writes along y's. The tile's rows are one element longer, so that a column spreads over the
/// banks.
template <class T>
__global__ void transpose_planes(Planes planes, const T* x, T* y) {
  POLDER_SHARED(T, tile, kTile * (kTile + 1));
  const int across = static_cast<int>(threadIdx.x) % kTile;
  const int down = static_cast<int>(threadIdx.x) / kTile;
  const int step = static_cast<int>(blockDim.x) / kTile;
  const std::int64_t tiles_down = (planes.rows + kTile - 1) / kTile;
  const std::int64_t tiles_across = (planes.columns + kTile - 1) / kTile;
  const std::int64_t tiles = planes.count * tiles_down * tiles_across;
  for (std::int64_t task = blockIdx.x; task < tiles; task += gridDim.x) {
    const Planes::Start start = planes.start_of(task / (tiles_down * tiles_across));
    const std::int64_t top = task / tiles_across % tiles_down * kTile;
    const std::int64_t left = task % tiles_across * kTile;
    for (int k = down; k < kTile; k += step)
      if (top + across < planes.rows && left + k < planes.columns)
        tile[k * (kTile + 1) + across] = x[start.in + top + across + (left + k) * planes.column_in];
    __syncthreads();
    for (int k = down; k < kTile; k += step)
      if (top + k < planes.rows && left + across < planes.columns)
        y[start.out + (top + k) * planes.row_out + left + across] = tile[across * (kTile + 1) + k];
    __syncthreads();
  }
}

/// y[o, y_begin + k] = x[o, x_begin + k] for k < piece, in elements.
template <class T>
__global__ void copy_pieces(std::int64_t outer, std::int64_t piece, std::int64_t in_step,
                            std::int64_t out_step, const T* x, T* y) {
  for (std::int64_t i = thread_rank(); i < outer * piece; i += thread_count())
    y[i / piece * out_step + i % piece] = x[i / piece * in_step + i % piece];
}

}  // namespace

void DeviceBackend::expand(const Tensor& x, AxisView view, Tensor& y) {
  with_any(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(*runtime_, over(*runtime_, y.numel()), expand_axis<T>, view, x.data<T>(), y.data<T>());
  });
}

void DeviceBackend::permute(const Tensor& x, std::span<const int> order, Tensor& y) {
  const Planes planes = planes_of(x.shape(), order, y.shape());
  with_any(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if (planes.column_in == 1 || planes.rows == 1 || planes.columns == 1)
      launch(*runtime_, over(*runtime_, x.numel()), copy_planes<T>, planes, x.data<T>(),
             y.data<T>());
    else
      launch(*runtime_, block_each(*runtime_, (x.numel() + kTile - 1) / kTile), transpose_planes<T>,
             planes, x.data<T>(), y.data<T>());
  });
}

void DeviceBackend::copy_along(int axis, const Tensor& x, std::int64_t x_begin, Tensor& y,
                               std::int64_t y_begin, std::int64_t count) {
  const int along = y.shape().axis(axis);
  const std::int64_t outer = y.shape().leading(along).numel();
  const std::int64_t inner = y.shape().trailing(y.rank() - along - 1).numel();
  with_any(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(*runtime_, over(*runtime_, outer * count * inner), copy_pieces<T>, outer, count * inner,
           x.size(along) * inner, y.size(along) * inner, x.data<T>() + x_begin * inner,
           y.data<T>() + y_begin * inner);
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
