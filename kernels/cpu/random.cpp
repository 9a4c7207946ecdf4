#include "polder/core/random.h"

#include <cmath>

#include "polder/kernels/cpu/box_muller.h"
#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/parallel.h"
#include "polder/kernels/cpu/random_stream.h"
#include "polder/kernels/cpu/rows.h"
#include "polder/kernels/cpu/widened.h"

namespace polder::kernels::cpu {
namespace {

/// y = x scale where the element's word is at least `threshold`, else 0, for n elements of the
/// stream from `first` on.
template <class T>
void mask_row(RandomKey key, std::uint64_t first, std::uint64_t threshold, T scale, const T* x,
              std::int64_t n, T* y) {
  for_stream(key, first, n, [=](const std::uint32_t* words, std::int64_t from, std::int64_t count) {
    for (std::int64_t k = 0; k < count; ++k)
      y[from + k] = words[k] >= threshold ? x[from + k] * scale : T{0};
  });
}

}  // namespace

void CpuBackend::random_uniform(RandomKey key, double low, double high, Tensor& y) {
  with_float(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* out = y.data<T>();
    parallel_blocks(y.numel(), kElementBlock, [=](std::int64_t begin, std::int64_t end) {
      for_stream(key, static_cast<std::uint64_t>(begin), end - begin,
                 [=](const std::uint32_t* words, std::int64_t from, std::int64_t count) {
                   for (std::int64_t k = 0; k < count; ++k)
                     out[begin + from + k] =
                         static_cast<T>(low + (high - low) * uniform_from(words[k]));
                 });
    });
  });
}

void CpuBackend::random_normal(RandomKey key, double mean, double deviation, Tensor& y) {
  with_float(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* out = y.data<T>();
    parallel_blocks(y.numel(), kElementBlock, [=](std::int64_t begin, std::int64_t end) {
      // Normal i is made of words 2 i and 2 i + 1, as in polder::normal.
      for_stream(key, 2 * static_cast<std::uint64_t>(begin), 2 * (end - begin),
                 [=](const std::uint32_t* words, std::int64_t from, std::int64_t count) {
                   T* target = out + begin + from / 2;
                   for (std::int64_t k = 0; k < count / 2; ++k)
                     target[k] = static_cast<T>(
                         mean + deviation * box_muller(words[2 * k], words[2 * k + 1]));
                 });
    });
  });
}

void CpuBackend::dropout(const Tensor& x, double p, RandomKey key, const Tensor& row_ids,
                         Tensor& y) {
  if (is_bfloat16(x))
    return in_float32([&](Widened& wide) { dropout(wide.in(x), p, key, row_ids, wide.out(y)); });
  const std::int64_t inner = row_width(x);
  if (x.numel() == 0) return;
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    const std::int64_t* ids = row_ids.defined() ? row_ids.data<std::int64_t>() : nullptr;
    T* out = y.data<T>();
    const T scale = static_cast<T>(1.0 / (1.0 - p));
    // word 2^-32 >= p, in integers; 2^32, which no word reaches, when p = 1.
    const auto threshold = static_cast<std::uint64_t>(std::ceil(p * 0x1p32));
    parallel_blocks(x.numel() / inner, rows_per_block(inner),
                    [=](std::int64_t begin, std::int64_t end) {
                      for (std::int64_t r = begin; r < end; ++r) {
                        const std::int64_t id = ids != nullptr ? ids[r] : r;
                        mask_row(key, static_cast<std::uint64_t>(id * inner), threshold, scale,
                                 in + r * inner, inner, out + r * inner);
                      }
                    });
  });
}

}  // namespace polder::kernels::cpu
