#include <bit>

#include "polder/kernels/cuda/block_reduce.cuh"
#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/dispatch.h"

namespace polder::kernels::POLDER_DEVICE {
namespace {

// The k largest by radix selection: the key of the k-th largest is found eight bits at a time, from
// counts of the keys that still match; then everything above it is taken, and of its equals as many
// as are wanted from the front. Counts are integers, so the order of the atomics does not matter;
// nothing is read back. Bytes per element: 4 passes over float32 keys, then 2 to mark.

constexpr int kDigitBits = 8;
constexpr int kBins = 1 << kDigitBits;
/// Elements whose hits one block counts, and whose output it writes.
constexpr std::int64_t kChunk = 4096;

using Word = unsigned long long;

/// Unsigned integers in the order of the numbers; NaN ranks last, -0 and 0 are one.
template <class T>
__device__ Word key_of(T x) {
  using Bits = std::conditional_t<sizeof(T) == 4, unsigned, Word>;
  constexpr Bits kSign = Bits{1} << (8 * sizeof(T) - 1);
  if (isnan(x)) return 0;
  const Bits bits = std::bit_cast<Bits>(x + T{0});
  return (bits & kSign) != 0 ? static_cast<Bits>(~bits) : bits | kSign;
}

/// What is known of the k-th largest key: its leading digits, and how many are wanted among the
/// keys that have them.
struct Search {
  Word prefix;
  long long wanted;
};

template <class T>
struct Candidates {
  const T* x;
  const T* marks;  // null: all
  __device__ bool has(std::int64_t i) const { return marks == nullptr || marks[i] != T{0}; }
};

__global__ void begin_search(long long k, Search* search) {
  if (thread_rank() == 0) *search = {0, k};
}

/// bins[d] += candidates whose key has the prefix above `shift` + 8 bits and digit d there.
template <class T>
__global__ void count_digits(std::int64_t n, Candidates<T> candidates, int shift,
                             const Search* search, Word* bins) {
  POLDER_SHARED(unsigned, count, kBins);
  for (unsigned d = threadIdx.x; d < kBins; d += blockDim.x) count[d] = 0;
  __syncthreads();
  const int above = shift + kDigitBits;
  const Word prefix = search->prefix;
  for (std::int64_t i = thread_rank(); i < n; i += thread_count()) {
    const Word key = key_of(candidates.x[i]);
    const bool matches = above >= 64 || (key >> above) == (prefix >> above);
    if (matches && candidates.has(i)) atomicAdd(&count[(key >> shift) % kBins], 1U);
  }
  __syncthreads();
  for (unsigned d = threadIdx.x; d < kBins; d += blockDim.x)
    if (count[d] != 0) atomicAdd(&bins[d], static_cast<Word>(count[d]));
}

/// Appends the digit in which the wanted key lies; the lowest when there are too few candidates.
/// Clears the bins.
__global__ void choose_digit(int shift, Search* search, Word* bins) {
  if (thread_rank() != 0) return;
  Word digit = kBins - 1;
  while (digit > 0 && static_cast<long long>(bins[digit]) < search->wanted)
    search->wanted -= static_cast<long long>(bins[digit--]);
  search->prefix |= digit << shift;
  for (int d = 0; d < kBins; ++d) bins[d] = 0;
}

/// How an element compares with the key that was found.
enum class Rank { below, equal, above };

template <class T>
struct Found {
  Candidates<T> candidates;
  const Search* search;
  __device__ Rank rank(std::int64_t i) const {
    const Word key = key_of(candidates.x[i]);
    if (!candidates.has(i) || key < search->prefix) return Rank::below;
    return key == search->prefix ? Rank::equal : Rank::above;
  }
};

/// counts[c] = elements of chunk c with hit(i). A block for each chunk.
template <class Hit>
__global__ void count_hits(std::int64_t n, Hit hit, long long* counts) {
  const std::int64_t chunks = (n + kChunk - 1) / kChunk;
  for (std::int64_t chunk = blockIdx.x; chunk < chunks; chunk += gridDim.x) {
    const std::int64_t begin = chunk * kChunk, end = begin + kChunk < n ? begin + kChunk : n;
    long long count = 0;
    for (std::int64_t i = begin + threadIdx.x; i < end; i += blockDim.x) count += hit(i) ? 1 : 0;
    count = block_sum(count);
    if (threadIdx.x == 0) counts[chunk] = count;
  }
}

/// counts <- how many come before each chunk. One block.
__global__ void sum_before(std::int64_t chunks, long long* counts) {
  POLDER_SHARED(long long, total, kThreads);
  const std::int64_t span = (chunks + blockDim.x - 1) / blockDim.x;
  const std::int64_t begin = span * threadIdx.x;
  const std::int64_t end = begin + span < chunks ? begin + span : chunks;
  long long sum = 0;
  for (std::int64_t c = begin; c < end; ++c) sum += counts[c];
  total[threadIdx.x] = sum;
  __syncthreads();
  long long before = 0;
  for (unsigned t = 0; t < threadIdx.x; ++t) before += total[t];
  for (std::int64_t c = begin; c < end; ++c) {
    const long long own = counts[c];
    counts[c] = before;
    before += own;
  }
}

/// Calls visit(i, hit, hits before i) for every element, a block for each chunk; before[c] = hits
/// before chunk c.
template <class Hit, class Visit>
__device__ void visit_in_order(std::int64_t n, const Hit& hit, const long long* before,
                               const Visit& visit) {
  POLDER_SHARED(int, warp_hits, kWarpSize);
  const std::int64_t chunks = (n + kChunk - 1) / kChunk;
  const unsigned warp = threadIdx.x / kWarpSize, warps = blockDim.x / kWarpSize;
  for (std::int64_t chunk = blockIdx.x; chunk < chunks; chunk += gridDim.x) {
    const std::int64_t end = (chunk + 1) * kChunk < n ? (chunk + 1) * kChunk : n;
    long long base = before[chunk];
    for (std::int64_t first = chunk * kChunk; first < end; first += blockDim.x) {
      const std::int64_t i = first + threadIdx.x;
      const bool is_hit = i < end && hit(i);
      const unsigned lanes = __ballot_sync(kAllLanes, is_hit);
      if (lane() == 0) warp_hits[warp] = __popc(lanes);
      __syncthreads();
      long long position = base + __popc(lanes & ((1U << lane()) - 1));
      for (unsigned w = 0; w < warps; ++w) {
        if (w < warp) position += warp_hits[w];
        base += warp_hits[w];
      }
      if (i < end) visit(i, is_hit, position);
      __syncthreads();
    }
  }
}

template <class T>
struct IsEqual {
  Found<T> found;
  __device__ bool operator()(std::int64_t i) const { return found.rank(i) == Rank::equal; }
};

template <class T>
struct IsMarked {
  const T* mask;
  __device__ bool operator()(std::int64_t i) const { return mask[i] != T{0}; }
};

template <class T>
__global__ void mark_found(std::int64_t n, Found<T> found, const long long* before, T* mask) {
  visit_in_order(n, IsEqual<T>{found}, before, [&](std::int64_t i, bool equal, long long position) {
    const bool taken = equal ? position < found.search->wanted : found.rank(i) == Rank::above;
    mask[i] = taken ? T{1} : T{0};
  });
}

template <class T>
__global__ void list_marked(std::int64_t n, IsMarked<T> marked, const long long* before,
                            std::int64_t* index) {
  visit_in_order(n, marked, before, [&](std::int64_t i, bool hit, long long position) {
    if (hit) index[position] = i;
  });
}

/// Hits before each chunk.
template <class Hit>
Tensor hits_before(Runtime& runtime, Device device, std::int64_t n, Hit hit) {
  const std::int64_t chunks = (n + kChunk - 1) / kChunk;
  Tensor counts = Tensor::empty({chunks}, DType::int64, device);
  auto* values = reinterpret_cast<long long*>(counts.data<std::int64_t>());
  launch(runtime, block_each(runtime, chunks), count_hits<Hit>, n, hit, values);
  launch(runtime, {.blocks = 1, .threads = kThreads}, sum_before, chunks, values);
  return counts;
}

const long long* as_counts(const Tensor& counts) {
  return reinterpret_cast<const long long*>(counts.data<std::int64_t>());
}

/// mask = 1 at the k largest candidates, 0 elsewhere.
template <class T>
void mark(Runtime& runtime, Device device, std::int64_t n, Candidates<T> candidates, std::int64_t k,
          T* mask) {
  const Tensor memory = Tensor::zeros({2 + kBins}, DType::int64, device);
  auto* search = reinterpret_cast<Search*>(memory.data<std::int64_t>());
  auto* bins = reinterpret_cast<Word*>(memory.data<std::int64_t>() + 2);
  launch(runtime, {.blocks = 1, .threads = kWarpSize}, begin_search, k, search);
  for (int shift = 8 * static_cast<int>(sizeof(T)) - kDigitBits; shift >= 0; shift -= kDigitBits) {
    launch(runtime, over(runtime, n), count_digits<T>, n, candidates, shift, search, bins);
    launch(runtime, {.blocks = 1, .threads = kWarpSize}, choose_digit, shift, search, bins);
  }
  const Found<T> found{candidates, search};
  const Tensor before = hits_before(runtime, device, n, IsEqual<T>{found});
  launch(runtime, block_each(runtime, (n + kChunk - 1) / kChunk), mark_found<T>, n, found,
         as_counts(before), mask);
}

}  // namespace

void DeviceBackend::largest(const Tensor& x, std::int64_t k, Tensor& index) {
  const std::int64_t n = x.numel();
  if (n == 0 || k == 0) return;
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Tensor mask = Tensor::empty(x.shape(), x.dtype(), device_);
    mark<T>(*runtime_, device_, n, {x.data<T>(), nullptr}, k, mask.data<T>());
    const IsMarked<T> marked{mask.data<T>()};
    const Tensor before = hits_before(*runtime_, device_, n, marked);
    launch(*runtime_, block_each(*runtime_, (n + kChunk - 1) / kChunk), list_marked<T>, n, marked,
           as_counts(before), index.data<std::int64_t>());
  });
}

void DeviceBackend::mark_largest(const Tensor& x, const Tensor& candidates, std::int64_t k,
                                 Tensor& mask) {
  const std::int64_t n = x.numel();
  if (n == 0) return;
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    mark<T>(*runtime_, device_, n, {x.data<T>(), candidates.data<T>()}, k, mask.data<T>());
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
