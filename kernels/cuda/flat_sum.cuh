#pragma once

#include "polder/core/tensor.h"
#include "polder/kernels/cuda/block_reduce.cuh"
#include "polder/kernels/cuda/pass.cuh"

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

/// Packs of an array that a lane has under way at a time.
inline constexpr int kAhead = 4;

/// This lane's k-th pack of the chunk whose first pack is `begin`.
__device__ inline std::int64_t pack_of_lane(std::int64_t begin, int k) {
  return begin + k * kWarpSize + lane();
}

template <class T>
struct PacksAhead {
  Pack<T> pack[kAhead];
};

/// This lane's packs k, k + 1, ... of a chunk.
template <class Array>
__device__ PacksAhead<typename Array::Element> load_ahead(const Array& array, std::int64_t begin,
                                                          int k) {
  PacksAhead<typename Array::Element> ahead;
  for (int row = 0; row < kAhead; ++row)
    ahead.pack[row] = array.load_pack(pack_of_lane(begin, k + row));
  return ahead;
}

/// This lane's part of the sum over a chunk that lies inside arrays which start at packs.
/// term(sum, i, a, b, ...) is the sum with element i.
template <int kSize, class Term, class... Arrays>
__device__ double whole_chunk(std::int64_t begin, Term& term, const Arrays&... arrays) {
  double sum = 0;
  for (int k = 0; k < kPacksOfALane; k += kAhead)
    [&](const auto... ahead) {
      for (int row = 0; row < kAhead; ++row)
        for (int e = 0; e < kSize; ++e)
          sum = term(sum, pack_of_lane(begin, k + row) * kSize + e, ahead.pack[row].element[e]...);
    }(load_ahead(arrays, begin, k)...);
  return sum;
}

/// The same for a chunk that ends at element n, or whose arrays start anywhere.
template <int kSize, class Term, class... Arrays>
__device__ double partial_chunk(std::int64_t begin, std::int64_t n, Term& term,
                                const Arrays&... arrays) {
  double sum = 0;
  for (int k = 0; k < kPacksOfALane; ++k) {
    const std::int64_t first = pack_of_lane(begin, k) * kSize;
    for (std::int64_t i = first; i < first + kSize && i < n; ++i)
      sum = term(sum, i, arrays.load(i)...);
  }
  return sum;
}

/// partial[c] = sum over chunk c. A warp for each chunk; no barrier of the block. F::start() makes
/// the term, as in a pass.
template <class T, class F, class... Arrays>
__global__ void sum_chunks(std::int64_t n, bool packs, F f, double* partial, Arrays... arrays) {
  constexpr int kSize = kPackSize<T>;
  auto term = f.start();
  const std::int64_t chunks = chunks_of<T>(n);
  for (std::int64_t chunk = warp_rank(); chunk < chunks; chunk += warp_count()) {
    const std::int64_t begin = chunk * kPacksOfAChunk;
    const double sum = packs && (begin + kPacksOfAChunk) * kSize <= n
                           ? whole_chunk<kSize>(begin, term, arrays...)
                           : partial_chunk<kSize>(begin, n, term, arrays...);
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
template <class F, class First, class... Arrays>
void flat_sum(Runtime& runtime, Device device, std::int64_t n, F f, double* out, First first,
              Arrays... arrays) {
  using T = typename First::Element;
  const std::int64_t chunks = chunks_of<T>(n);
  const Tensor partial = Tensor::empty({chunks}, DType::float64, device);
  const bool packs = first.starts_at_pack() && (arrays.starts_at_pack() && ...);
  launch(runtime, over(runtime, chunks * kWarpSize), sum_chunks<T, F, First, Arrays...>, n, packs,
         f, partial.data<double>(), first, arrays...);
  sum_partials(runtime, device, chunks, partial.data<double>(), out);
}

}  // namespace polder::kernels::POLDER_DEVICE
