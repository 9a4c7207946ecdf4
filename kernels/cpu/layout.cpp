#include <array>
#include <cstring>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/parallel.h"

namespace polder::kernels::cpu {
namespace {

struct Strides {
  std::array<std::int64_t, Shape::kMaxRank> step{};  // in x, of each axis of y
};

Strides strides_of(const Shape& x, std::span<const int> order) {
  std::array<std::int64_t, Shape::kMaxRank> in{};
  std::int64_t step = 1;
  for (int axis = x.rank() - 1; axis >= 0; --axis) {
    in[axis] = step;
    step *= x[axis];
  }
  Strides strides;
  for (std::size_t k = 0; k < order.size(); ++k) strides.step[k] = in[order[k]];
  return strides;
}

/// Position in x of the row of y numbered `row`, rows running along y's last axis.
std::int64_t row_start(const Shape& y, const Strides& strides, std::int64_t row) {
  std::int64_t position = 0;
  for (int axis = y.rank() - 2; axis >= 0; --axis) {
    position += row % y[axis] * strides.step[axis];
    row /= y[axis];
  }
  return position;
}

template <class T>
void copy_strided(const T* x, std::int64_t stride, std::int64_t count, T* y) {
  if (stride == 1)
    std::copy(x, x + count, y);
  else
    for (std::int64_t i = 0; i < count; ++i) y[i] = x[i * stride];
}

}  // namespace

void CpuBackend::expand(const Tensor& x, AxisView view, Tensor& y) {
  with_any(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    parallel_blocks(view.outer * view.n, rows_per_block(view.inner),
                    [=](std::int64_t begin, std::int64_t end) {
                      for (std::int64_t row = begin; row < end; ++row) {
                        const T* source = in + row / view.n * view.inner;
                        std::copy(source, source + view.inner, out + row * view.inner);
                      }
                    });
  });
}

void CpuBackend::permute(const Tensor& x, std::span<const int> order, Tensor& y) {
  if (x.numel() == 0) return;
  const Shape shape = y.shape();
  const Strides strides = strides_of(x.shape(), order);
  const int last = shape.rank() - 1;
  const std::int64_t length = last < 0 ? 1 : shape[last];
  const std::int64_t stride = last < 0 ? 1 : strides.step[last];
  with_any(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    parallel_blocks(
        x.numel() / length, rows_per_block(length), [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t row = begin; row < end; ++row)
            copy_strided(in + row_start(shape, strides, row), stride, length, out + row * length);
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
