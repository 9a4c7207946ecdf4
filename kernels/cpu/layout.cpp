#include <cstring>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/parallel.h"
#include "polder/kernels/planes.h"

namespace polder::kernels::cpu {
namespace {

/// y[r, c] = x[c, r] in tiles: both sides of a tile stay in the first-level cache.
template <class T>
void transpose_plane(const T* x, T* y, const Planes& planes) {
  constexpr std::int64_t kTile = 32;
  for (std::int64_t top = 0; top < planes.rows; top += kTile)
    for (std::int64_t left = 0; left < planes.columns; left += kTile) {
      const std::int64_t bottom = std::min(planes.rows, top + kTile);
      const std::int64_t right = std::min(planes.columns, left + kTile);
      for (std::int64_t r = top; r < bottom; ++r)
        for (std::int64_t c = left; c < right; ++c)
          y[r * planes.row_out + c] = x[r + c * planes.column_in];
    }
}

template <class T>
void copy_plane(const T* x, T* y, const Planes& planes, std::int64_t plane) {
  const Planes::Start start = planes.start_of(plane);
  x += start.in;
  y += start.out;
  if (planes.column_in == 1)
    std::copy(x, x + planes.columns, y);
  else
    transpose_plane(x, y, planes);
}

}  // namespace

void CpuBackend::expand(const Tensor& x, AxisView view, Tensor& y) {
  if (y.numel() == 0) return;
  with_any(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    parallel_blocks(y.numel(), kElementBlock, [=](std::int64_t begin, std::int64_t end) {
      if (view.inner == 1)
        for_row_pieces(begin, end, view.n, [=](std::int64_t o, std::int64_t from, std::int64_t to) {
          std::fill(out + from, out + to, in[o]);
        });
      else
        for_row_pieces(begin, end, view.inner,
                       [=](std::int64_t row, std::int64_t from, std::int64_t to) {
                         const T* source = in + (row / view.n - row) * view.inner;
                         std::copy(source + from, source + to, out + from);
                       });
    });
  });
}

void CpuBackend::permute(const Tensor& x, std::span<const int> order, Tensor& y) {
  if (x.numel() == 0) return;
  const Planes planes = planes_of(x.shape(), order, y.shape());
  with_any(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    parallel_blocks(planes.count, rows_per_block(planes.rows * planes.columns),
                    [&](std::int64_t begin, std::int64_t end) {
                      for (std::int64_t plane = begin; plane < end; ++plane)
                        copy_plane(in, out, planes, plane);
                    });
  });
}

void CpuBackend::copy_along(int axis, const Tensor& x, std::int64_t x_begin, Tensor& y,
                            std::int64_t y_begin, std::int64_t count) {
  const int along = y.shape().axis(axis);
  const std::int64_t outer = y.shape().leading(along).numel();
  const std::int64_t inner = y.shape().trailing(y.rank() - along - 1).numel();
  const std::size_t element = size_of(x.dtype());
  const std::size_t piece = static_cast<std::size_t>(count * inner) * element;
  if (outer == 0 || piece == 0) return;
  const auto* in = static_cast<const std::byte*>(x.raw()) + x_begin * inner * element;
  auto* out = static_cast<std::byte*>(y.raw()) + y_begin * inner * element;
  const std::size_t in_step = static_cast<std::size_t>(x.size(along) * inner) * element;
  const std::size_t out_step = static_cast<std::size_t>(y.size(along) * inner) * element;
  parallel_blocks(outer, rows_per_block(count * inner), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o)
      std::memcpy(out + o * out_step, in + o * in_step, piece);
  });
}

}  // namespace polder::kernels::cpu
