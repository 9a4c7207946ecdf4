#pragma once

#include "polder/core/tensor.h"
#include "polder/kernels/cuda/block_reduce.cuh"
#include "polder/kernels/cuda/map.cuh"

/// Sums over flat arrays, in float64 and in one order, whatever the launch:
/// - a chunk is 8 KiB of an array: 16 packs for each lane of the warp that adds it up. A lane adds
///   its elements in ascending order; then the lanes are added (warp_sum);
/// - chunk sums are added in runs of kRun, run sums in runs of kRun, until one is left.
/// Every kernel that follows this order, alone or inside a larger one, gives the same bits. Terms
/// are added by fma, so that it does not matter whether a compiler contracts.
namespace polder::kernels::POLDER_DEVICE {

inline constexpr int kPacksOfALane = 16;
inline constexpr std::int64_t kPacksOfAChunk = kPacksOfALane * kWarpSize;
template <class T>
inline constexpr std::int64_t kChunk = kPacksOfAChunk* kPackSize<T>;
/// Partial sums that one warp adds up.
inline constexpr std::int64_t kRun = 1024;

template <class T>
__host__ __device__ std::int64_t chunks_of(std::int64_t n) {
  return (n + kChunk<T> - 1) / kChunk<T>;
}
__host__ __device__ inline std::int64_t runs_of(std::int64_t count) {
  return (count + kRun - 1) / kRun;
}

/// Packs of one array that a lane has under way at a time.
inline constexpr int kAhead = 4;
template <class T>
struct PacksAhead {
  Pack<T> pack[kAhead];
};

/// This lane's packs from `first`, one from each of the next kAhead rows of a chunk.
template <class T>
__device__ PacksAhead<T> load_ahead(const T* x, std::int64_t first) {
  PacksAhead<T> ahead;
  for (int k = 0; k < kAhead; ++k)
    ahead.pack[k] = *reinterpret_cast<const Pack<T>*>(x + first + k * kWarpSize * kPackSize<T>);
  return ahead;
}

/// This lane's part of the sum over a chunk that lies inside the arrays, which start at packs.
/// term(sum, i, a, b, ...) is the sum with element i.
template <class Term, class T, class... More>
__device__ double whole_chunk(std::int64_t begin, Term& term, const T* x, const More*... more) {
  constexpr int kSize = kPackSize<T>;
  double sum = 0;
  for (int row = 0; row < kPacksOfALane; row += kAhead) {
    const std::int64_t first = begin + (row * kWarpSize + lane()) * kSize;
    [&](const auto... ahead) {
      for (int k = 0; k < kAhead; ++k)
        for (int e = 0; e < kSize; ++e)
          sum = term(sum, first + k * kWarpSize * kSize + e, ahead.pack[k].element[e]...);
    }(load_ahead(x, first), load_ahead(more, first)...);
  }
  return sum;
}

/// The same for a chunk that ends at n, or whose arrays start anywhere.
template <class Term, class T, class... More>
__device__ double partial_chunk(std::int64_t begin, std::int64_t n, Term& term, const T* x,
                                const More*... more) {
  constexpr int kSize = kPackSize<T>;
  double sum = 0;
  for (int k = 0; k < kPacksOfALane; ++k) {
    const std::int64_t first = begin + (k * kWarpSize + lane()) * kSize;
    for (std::int64_t i = first; i < first + kSize && i < n; ++i)
      sum = term(sum, i, x[i], more[i]...);
  }
  return sum;
}

/// partial[c] = sum over chunk c. A warp for each chunk; no barrier of the block.
/// `aligned`: packs may be read. F::start() makes the term, as in a pass.
template <class F, class T, class... More>
__global__ void sum_chunks(std::int64_t n, bool aligned, F f, double* partial, const T* x,
                           const More*... more) {
  auto term = f.start();
  const std::int64_t chunks = chunks_of<T>(n);
  for (std::int64_t chunk = warp_rank(); chunk < chunks; chunk += warp_count()) {
    const std::int64_t begin = chunk * kChunk<T>;
    const double sum = aligned && begin + kChunk<T> <= n
                           ? whole_chunk(begin, term, x, more...)
                           : partial_chunk(begin, n, term, x, more...);
    const double total = warp_sum(sum);
    if (lane() == 0) partial[chunk] = total;
  }
}

/// Sum of a run of at most kRun partial sums, by a warp.
__device__ inline double run_sum(const double* partial, std::int64_t count) {
  double sum = 0;
  for (std::int64_t i = lane(); i < count; i += kWarpSize) sum += partial[i];
  return warp_sum(sum);
}

/// *out = sum of `count` partial sums. Two or three small kernels.
void sum_partials(Runtime& runtime, Device device, std::int64_t count, const double* partial,
                  double* out);

/// *out = sum over n elements; n = 0 gives 0.
template <class F, class T, class... More>
void flat_sum(Runtime& runtime, Device device, std::int64_t n, F f, double* out, const T* x,
              const More*... more) {
  const std::int64_t chunks = chunks_of<T>(n);
  const Tensor partial = Tensor::empty({chunks}, DType::float64, device);
  const bool aligned = is_pack_aligned(x) && (is_pack_aligned(more) && ...);
  launch(runtime, over(runtime, chunks * kWarpSize), sum_chunks<F, T, More...>, n, aligned, f,
         partial.data<double>(), x, more...);
  sum_partials(runtime, device, chunks, partial.data<double>(), out);
}

}  // namespace polder::kernels::POLDER_DEVICE
