#include "polder/core/random.h"

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/parallel.h"
#include "polder/kernels/cpu/rows.h"

namespace polder::kernels::cpu {

void CpuBackend::random_uniform(RandomKey key, double low, double high, Tensor& y) {
  with_float(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* out = y.data<T>();
    parallel_blocks(y.numel(), kElementBlock, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        out[i] = static_cast<T>(low + (high - low) * uniform(key, static_cast<std::uint64_t>(i)));
    });
  });
}

void CpuBackend::random_normal(RandomKey key, double mean, double deviation, Tensor& y) {
  with_float(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* out = y.data<T>();
    parallel_blocks(y.numel(), kElementBlock, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        out[i] = static_cast<T>(mean + deviation * normal(key, static_cast<std::uint64_t>(i)));
    });
  });
}

void CpuBackend::dropout(const Tensor& x, double p, RandomKey key, const Tensor& row_ids,
                         Tensor& y) {
  const std::int64_t inner = row_width(x);
  if (x.numel() == 0) return;
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    const std::int64_t* ids = row_ids.defined() ? row_ids.data<std::int64_t>() : nullptr;
    T* out = y.data<T>();
    const T scale = static_cast<T>(1.0 / (1.0 - p));
    parallel_blocks(
        x.numel() / inner, rows_per_block(inner), [=](std::int64_t begin, std::int64_t end) {
          for (std::int64_t r = begin; r < end; ++r) {
            const std::int64_t first = (ids != nullptr ? ids[r] : r) * inner;
            for (std::int64_t j = 0; j < inner; ++j) {
              const bool kept = uniform(key, static_cast<std::uint64_t>(first + j)) >= p;
              out[r * inner + j] = kept ? in[r * inner + j] * scale : T{0};
            }
          }
        });
  });
}

}  // namespace polder::kernels::cpu
