#include <array>
#include <cstring>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/parallel.h"

namespace polder::kernels::cpu {
namespace {

using Sizes = std::array<std::int64_t, Shape::kMaxRank>;

/// Elements between neighbours along each axis.
Sizes strides_of(const Shape& shape) {
  Sizes strides{};
  std::int64_t step = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

/// A permutation as y sees it: two of its axes span a plane, the others number the planes.
/// Columns run along y's last axis, rows along the axis that is x's last.
struct Planes {
  int rank = 0;               // of the axes that number planes
  Sizes size{}, in{}, out{};  // their sizes, their strides in x and in y
  std::int64_t count = 1;
  std::int64_t rows = 1, columns = 1;
  std::int64_t row_out = 1, column_in = 1;  // stride of rows in y, of columns in x
};

Planes planes_of(const Shape& x, std::span<const int> order, const Shape& y) {
  const Sizes in = strides_of(x), out = strides_of(y);
  const int last = y.rank() - 1;
  Planes planes;
  if (last < 0) return planes;
  planes.columns = y[last];
  planes.column_in = in[order[last]];
  for (int axis = 0; axis < last; ++axis) {
    if (order[axis] == last) {
      planes.rows = y[axis];
      planes.row_out = out[axis];
      continue;
    }
    planes.size[planes.rank] = y[axis];
    planes.in[planes.rank] = in[order[axis]];
    planes.out[planes.rank] = out[axis];
    ++planes.rank;
    planes.count *= y[axis];
  }
  return planes;
}

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
  for (int axis = planes.rank - 1; axis >= 0; --axis) {
    const std::int64_t coordinate = plane % planes.size[axis];
    x += coordinate * planes.in[axis];
    y += coordinate * planes.out[axis];
    plane /= planes.size[axis];
  }
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
