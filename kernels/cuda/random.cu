#include <cmath>
#include <numbers>

#include "polder/kernels/cuda/clock.cuh"
#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/dispatch.h"

namespace polder::kernels::POLDER_DEVICE {
namespace {

/// The same function of two words as polder::normal_from.
__device__ double normal_of(std::uint32_t word0, std::uint32_t word1) {
  const double radius = sqrt(-2.0 * log((word0 + 1.0) * 0x1p-32));
  return radius * cos(2.0 * std::numbers::pi * uniform_from(word1));
}

/// y[i] = low + (high - low) uniform(key, i). A thread makes the four numbers of a Philox block.
template <class T>
__global__ void uniform_numbers(RandomKey key, const std::int64_t* clock, double low, double high,
                                std::int64_t n, T* y) {
  key = later(key, clock);
  for (std::int64_t block = thread_rank(); 4 * block < n; block += thread_count()) {
    const auto words = random_words(key, static_cast<std::uint64_t>(block));
    for (int k = 0; k < 4; ++k)
      if (4 * block + k < n)
        y[4 * block + k] = static_cast<T>(low + (high - low) * uniform_from(words[k]));
  }
}

/// y[i] = mean + deviation normal(key, i). A Philox block makes two numbers.
template <class T>
__global__ void normal_numbers(RandomKey key, const std::int64_t* clock, double mean,
                               double deviation, std::int64_t n, T* y) {
  key = later(key, clock);
  for (std::int64_t block = thread_rank(); 2 * block < n; block += thread_count()) {
    const auto words = random_words(key, static_cast<std::uint64_t>(block));
    for (int k = 0; k < 2; ++k)
      if (2 * block + k < n)
        y[2 * block + k] =
            static_cast<T>(mean + deviation * normal_of(words[2 * k], words[2 * k + 1]));
  }
}

/// Rows of `inner` elements. The words of a row start anywhere in a Philox block, so a row meets up
/// to inner / 4 + 2 blocks: a thread takes one of them.
template <class T>
__global__ void dropout_rows(RandomKey key, const std::int64_t* clock, std::uint64_t threshold,
                             Wide<T> scale, std::int64_t rows, std::int64_t inner,
                             const std::int64_t* row_ids, const T* x, T* y) {
  key = later(key, clock);
  const std::int64_t per_row = inner / 4 + 2;
  for (std::int64_t task = thread_rank(); task < rows * per_row; task += thread_count()) {
    const std::int64_t row = task / per_row;
    const std::int64_t first = (row_ids != nullptr ? row_ids[row] : row) * inner;
    const std::int64_t block = first / 4 + task % per_row;
    const auto words = random_words(key, static_cast<std::uint64_t>(block));
    for (int k = 0; k < 4; ++k) {
      const std::int64_t column = 4 * block + k - first;
      if (column < 0 || column >= inner) continue;
      const std::int64_t i = row * inner + column;
      y[i] = static_cast<T>(words[k] >= threshold ? widen(x[i]) * scale : Wide<T>{0});
    }
  }
}

}  // namespace

void DeviceBackend::random_uniform(RandomKey key, double low, double high, Tensor& y) {
  with_float(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(*runtime_, over(*runtime_, (y.numel() + 3) / 4), uniform_numbers<T>, key,
           runtime_->clock(), low, high, y.numel(), y.data<T>());
  });
}

void DeviceBackend::random_normal(RandomKey key, double mean, double deviation, Tensor& y) {
  with_float(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(*runtime_, over(*runtime_, (y.numel() + 1) / 2), normal_numbers<T>, key,
           runtime_->clock(), mean, deviation, y.numel(), y.data<T>());
  });
}

void DeviceBackend::dropout(const Tensor& x, double p, RandomKey key, const Tensor& row_ids,
                            Tensor& y) {
  if (x.numel() == 0) return;
  const std::int64_t rows = x.size(0), inner = x.numel() / rows;
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t* ids = row_ids.defined() ? row_ids.data<std::int64_t>() : nullptr;
    // word 2^-32 >= p, in integers; 2^32, which no word reaches, when p = 1.
    const auto threshold = static_cast<std::uint64_t>(std::ceil(p * 0x1p32));
    launch(*runtime_, over(*runtime_, rows * (inner / 4 + 2)), dropout_rows<T>, key,
           runtime_->clock(), threshold, 1.0 / (1.0 - p), rows, inner, ids, x.data<T>(),
           y.data<T>());
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
