#include "polder/kernels/cpu/rows.h"

#include <cstring>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/parallel.h"
#include "polder/kernels/cpu/widened.h"

namespace polder::kernels::cpu {

void CpuBackend::gather_rows(const Tensor& table, const Tensor& index, Tensor& y) {
  check_indices("gather_rows", "index", index, table.size(0));
  const std::int64_t width = row_width(table);
  const std::size_t row_bytes = static_cast<std::size_t>(width) * size_of(table.dtype());
  if (row_bytes == 0) return;
  const auto* in = static_cast<const std::byte*>(table.raw());
  auto* out = static_cast<std::byte*>(y.raw());
  const std::int64_t* rows = index.data<std::int64_t>();
  parallel_blocks(index.numel(), rows_per_block(width), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      std::memcpy(out + r * row_bytes, in + rows[r] * row_bytes, row_bytes);
  });
}

void CpuBackend::scatter_add_rows(const Tensor& x, const Tensor& index, Tensor& table) {
  if (is_bfloat16(x))
    return in_float32([&](Widened& wide) { scatter_add_rows(wide.in(x), index, table); });
  check_indices("scatter_add_rows", "index", index, table.size(0));
  const std::int64_t width = row_width(table), count = index.numel();
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = table.data<T>();
    const std::int64_t* rows = index.data<std::int64_t>();
    // Cut by columns: every element meets its summands in ascending r.
    parallel_blocks(width, 64, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = 0; r < count; ++r) {
        const T* source = in + r * width;
        T* target = out + rows[r] * width;
        for (std::int64_t i = begin; i < end; ++i) target[i] += source[i];
      }
    });
  });
}

void CpuBackend::put_rows(const Tensor& x, const Tensor& index, Tensor& table) {
  check_indices("put_rows", "index", index, table.size(0));
  const std::int64_t width = row_width(table);
  const std::size_t row_bytes = static_cast<std::size_t>(width) * size_of(table.dtype());
  if (row_bytes == 0) return;
  const auto* in = static_cast<const std::byte*>(x.raw());
  auto* out = static_cast<std::byte*>(table.raw());
  const std::int64_t* rows = index.data<std::int64_t>();
  parallel_blocks(index.numel(), rows_per_block(width), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      std::memcpy(out + rows[r] * row_bytes, in + r * row_bytes, row_bytes);
  });
}

void CpuBackend::gather_elements(const Tensor& x, const Tensor& index, Tensor& y) {
  with_any(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    const std::int64_t* from = index.data<std::int64_t>();
    parallel_blocks(index.numel(), kElementBlock, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) out[i] = in[from[i]];
    });
  });
}

void CpuBackend::scatter_add_elements(const Tensor& x, const Tensor& index, Tensor& y) {
  if (is_bfloat16(x))
    return in_float32(
        [&](Widened& wide) { scatter_add_elements(wide.in(x), index, wide.in_out(y)); });
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    const std::int64_t* to = index.data<std::int64_t>();
    for (std::int64_t i = 0, count = index.numel(); i < count; ++i) out[to[i]] += in[i];
  });
}

void CpuBackend::one_hot(const Tensor& labels, double smoothing, Tensor& y) {
  if (is_bfloat16(y))
    return in_float32([&](Widened& wide) { one_hot(labels, smoothing, wide.out(y)); });
  const std::int64_t classes = y.size(-1);
  check_indices("one_hot", "label", labels, classes);
  with_float(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const double rest = smoothing / static_cast<double>(classes);
    const T cold = static_cast<T>(rest), hot = static_cast<T>(1.0 - smoothing + rest);
    const std::int64_t* label = labels.data<std::int64_t>();
    T* out = y.data<T>();
    parallel_blocks(labels.numel(), rows_per_block(classes),
                    [=](std::int64_t begin, std::int64_t end) {
                      std::fill(out + begin * classes, out + end * classes, cold);
                      for (std::int64_t r = begin; r < end; ++r) out[r * classes + label[r]] = hot;
                    });
  });
}

}  // namespace polder::kernels::cpu
