#include <set>

#include "emulated/emulated_test.h"

// Blocks whose threads work together: reductions with shuffles, shared memory and barriers; votes
// of the block; the dimensions of blocks and grids.
namespace polder::kernels::emulated::testing {
namespace {

class BlockTest : public EmulatedTest {};

__device__ inline double warp_sum(double value) {
  for (unsigned delta = 16; delta > 0; delta /= 2)
    value += __shfl_down_sync(0xffffffffU, value, delta);
  return value;
}

/// sums[b] = the sum of block b's part of x in a grid-stride walk.
__global__ void block_sums(const double* x, std::int64_t n, double* sums) {
  POLDER_SHARED(double, partial, 32);
  double sum = 0;
  for (std::int64_t i = thread_rank(); i < n; i += emulated::thread_count()) sum += x[i];
  sum = warp_sum(sum);
  if (threadIdx.x % warpSize == 0) partial[threadIdx.x / warpSize] = sum;
  __syncthreads();
  if (threadIdx.x >= warpSize) return;
  sum = warp_sum(threadIdx.x < blockDim.x / warpSize ? partial[threadIdx.x] : 0);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

double block_sum_in_a_loop(const std::vector<double>& x, std::size_t block, std::size_t blocks,
                           std::size_t threads) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (i / threads % blocks == block) sum += x[i];
  return sum;
}

TEST_F(BlockTest, ReducesLikeALoop) {
  for (const int threads : {32, 64, 256, 1024})
    for (const std::size_t blocks : {1, 3, 16}) {
      const auto x = draw<double>(20011, -1, 1);
      std::vector<double> sums(blocks, std::nan(""));
      run(Launch{.blocks = static_cast<std::int64_t>(blocks), .threads = threads}, block_sums,
          x.data(), std::int64_t{20011}, sums.data());
      for (std::size_t b = 0; b < blocks; ++b)
        EXPECT_NEAR(sums[b], block_sum_in_a_loop(x, b, blocks, static_cast<std::size_t>(threads)),
                    1e-10)
            << "block " << b << " of " << blocks << ", " << threads << " threads";
    }
}

TEST_F(BlockTest, SameBitsForAnyNumberOfWorkersAndAnyOrder) {
  constexpr std::size_t kBlocks = 37;
  const auto x = draw<double>(100'003, -1, 1);
  std::vector<std::vector<double>> results;
  for (const int workers : {1, 2, 3, 2})
    for (const std::uint64_t seed : {0, 1, 2}) {
      set_thread_count(workers);
      set_checks({.order_seed = seed});
      results.emplace_back(kBlocks, std::nan(""));
      run(Launch{.blocks = kBlocks, .threads = 128}, block_sums, x.data(), std::int64_t{100'003},
          results.back().data());
    }
  for (const auto& result : results) EXPECT_EQ(result, results.front());
}

__global__ void count_votes(const int* predicate, int* counts, int* any, int* all) {
  const std::int64_t i = thread_rank();
  counts[i] = __syncthreads_count(predicate[i]);
  any[i] = __syncthreads_or(predicate[i]);
  all[i] = __syncthreads_and(predicate[i]);
}

TEST_F(BlockTest, VotesOfTheBlock) {
  constexpr int kThreads = 100;
  constexpr int kBlocks = 5;
  auto predicate = draw<int>(kThreads * kBlocks, 0, 1);
  std::fill_n(predicate.begin(), kThreads, 0);
  std::fill_n(predicate.begin() + kThreads, kThreads, 7);
  std::vector<int> counts(predicate.size(), -1), any(counts), all(counts);
  run(Launch{.blocks = kBlocks, .threads = kThreads}, count_votes, predicate.data(), counts.data(),
      any.data(), all.data());
  for (std::size_t i = 0; i < predicate.size(); ++i) {
    const auto begin = predicate.begin() + static_cast<std::ptrdiff_t>(i / kThreads * kThreads);
    const auto set = kThreads - static_cast<int>(std::count(begin, begin + kThreads, 0));
    EXPECT_EQ(counts[i], set) << i;
    EXPECT_EQ(any[i], set > 0 ? 1 : 0) << i;
    EXPECT_EQ(all[i], set == kThreads ? 1 : 0) << i;
  }
}

/// before[i], after[i]: how many threads of the block came before this one, on either side of a
/// barrier.
__global__ void arrivals(unsigned* counters, unsigned* before, unsigned* after) {
  before[threadIdx.x] = atomicAdd(&counters[0], 1);
  __syncthreads();
  after[threadIdx.x] = atomicAdd(&counters[1], 1);
}

/// The places after the barrier minus those before it, around the circle of 64.
std::vector<unsigned> moves(std::uint64_t seed) {
  set_checks({.order_seed = seed});
  std::vector<unsigned> counters(2, 0), before(64), after(64), moves(64);
  run(Launch{.threads = 64}, arrivals, counters.data(), before.data(), after.data());
  for (std::size_t t = 0; t < 64; ++t) moves[t] = (after[t] - before[t]) % 64;
  return moves;
}

TEST_F(BlockTest, EveryBarrierShufflesTheThreadsAnew) {
  EXPECT_THAT(moves(0), ::testing::Each(1)) << "the thread that opens a barrier goes on first";
  const auto shuffled = moves(1);
  EXPECT_GT(std::set<unsigned>(shuffled.begin(), shuffled.end()).size(), 10U);
}

/// Writes each thread's own coordinates at its place in the row-major order of the grid.
__global__ void write_places(uint3* blocks, uint3* threads) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  const unsigned at = block * blockDim.x * blockDim.y * blockDim.z + thread;
  blocks[at] = blockIdx;
  threads[at] = threadIdx;
}

TEST_F(BlockTest, ThreeDimensionsOfGridAndBlock) {
  const dim3 grid(3, 2, 4), block(5, 3, 2);
  for (const std::uint64_t seed : {0, 5}) {
    set_checks({.order_seed = seed});
    std::vector<uint3> blocks(3 * 2 * 4 * 5 * 3 * 2, uint3{99, 99, 99}), threads(blocks);
    run(Grid{.blocks = grid, .threads = block}, write_places, blocks.data(), threads.data());
    std::size_t at = 0;
    for (unsigned bz = 0; bz < 4; ++bz)
      for (unsigned by = 0; by < 2; ++by)
        for (unsigned bx = 0; bx < 3; ++bx)
          for (unsigned z = 0; z < 2; ++z)
            for (unsigned y = 0; y < 3; ++y)
              for (unsigned x = 0; x < 5; ++x, ++at) {
                EXPECT_THAT((std::array{blocks[at].x, blocks[at].y, blocks[at].z}),
                            ::testing::ElementsAre(bx, by, bz));
                EXPECT_THAT((std::array{threads[at].x, threads[at].y, threads[at].z}),
                            ::testing::ElementsAre(x, y, z));
              }
  }
}

/// A transpose of each block's [y, x] tile: every thread reads what another one wrote.
__global__ void transpose_tiles(const int* in, int* out) {
  POLDER_SHARED(int, tile, 8 * 16);
  const unsigned base = blockIdx.x * 8 * 16;
  tile[threadIdx.y * 16 + threadIdx.x] = in[base + threadIdx.y * 16 + threadIdx.x];
  __syncthreads();
  out[base + threadIdx.x * 8 + threadIdx.y] = tile[threadIdx.y * 16 + threadIdx.x];
}

TEST_F(BlockTest, TilesInTwoDimensions) {
  constexpr std::size_t kBlocks = 9;
  const auto in = draw<int>(kBlocks * 8 * 16, -1000, 1000);
  std::vector<int> out(in.size(), 0);
  run(Grid{.blocks = kBlocks, .threads = dim3(16, 8)}, transpose_tiles, in.data(), out.data());
  for (std::size_t b = 0; b < kBlocks; ++b)
    for (std::size_t y = 0; y < 8; ++y)
      for (std::size_t x = 0; x < 16; ++x)
        EXPECT_EQ(out[b * 128 + x * 8 + y], in[b * 128 + y * 16 + x]);
}

__global__ void increment(int* visits, std::int64_t n) {
  for (std::int64_t i = thread_rank(); i < n; i += emulated::thread_count()) ++visits[i];
}

TEST_F(BlockTest, BigGridsVisitEveryElementOnce) {
  constexpr std::int64_t kElements = 300'001;
  std::vector<int> visits(kElements, 0);
  run(Launch{.blocks = 40'000, .threads = 7}, increment, visits.data(), kElements);
  EXPECT_THAT(visits, ::testing::Each(1));
}

TEST_F(BlockTest, NoBlocksIsNoWork) {
  int visit = 0;
  run(Launch{.blocks = 0}, increment, &visit, std::int64_t{1});
  EXPECT_EQ(visit, 0);
}

}  // namespace
}  // namespace polder::kernels::emulated::testing
