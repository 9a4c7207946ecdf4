#include <cmath>

#include "emulated/emulated_test.h"

// Launches whose blocks are alive together and meet in grid_sync().
namespace polder::kernels::emulated::testing {
namespace {

class CooperativeTest : public EmulatedTest {};

/// y = scale x / ||x||. Each block keeps its part of x in dynamic shared memory across the barrier.
__global__ void normalize(const float* x, std::int64_t n, double scale, double* partial, float* y) {
  POLDER_DYNAMIC_SHARED(float, kept);
  POLDER_SHARED(double, sums, 256);
  double sum = 0;
  std::int64_t at = threadIdx.x;
  for (std::int64_t i = thread_rank(); i < n; i += emulated::thread_count(), at += blockDim.x) {
    kept[at] = x[i];
    sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  }
  sums[threadIdx.x] = sum;
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  if (threadIdx.x == 0) partial[blockIdx.x] = sums[0];
  grid_sync();
  double squares = 0;
  for (unsigned b = 0; b < gridDim.x; ++b) squares += partial[b];
  at = threadIdx.x;
  for (std::int64_t i = thread_rank(); i < n; i += emulated::thread_count(), at += blockDim.x)
    y[i] = static_cast<float>(scale * static_cast<double>(kept[at]) / std::sqrt(squares));
}

TEST_F(CooperativeTest, NormThenScale) {
  constexpr std::size_t kElements = 10'007;
  for (const int blocks : {1, 4, 8})
    for (const std::uint64_t seed : {0, 9}) {
      set_checks({.order_seed = seed});
      const auto x = draw<float>(kElements, -1, 1);
      double squares = 0;
      for (const float value : x)
        squares += static_cast<double>(value) * static_cast<double>(value);
      std::vector<double> partial(static_cast<std::size_t>(blocks), std::nan(""));
      std::vector<float> y(kElements, std::nanf(""));
      const std::size_t rounds = kElements / (static_cast<std::size_t>(blocks) * 128) + 1;
      run(Launch{.blocks = blocks,
                 .threads = 128,
                 .shared_bytes = rounds * 128 * sizeof(float),
                 .cooperative = true},
          normalize, x.data(), std::int64_t{kElements}, 0.05, partial.data(), y.data());
      for (std::size_t i = 0; i < kElements; ++i)
        ASSERT_NEAR(y[i], 0.05 * static_cast<double>(x[i]) / std::sqrt(squares), 1e-8) << i;
    }
}

/// Every block adds to what all the others wrote in the round before.
__global__ void many_rounds(std::int64_t* cells, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    const std::int64_t* from = cells + (round % 2) * gridDim.x;
    std::int64_t* to = cells + ((round + 1) % 2) * gridDim.x;
    std::int64_t sum = 0;
    for (unsigned b = 0; b < gridDim.x; ++b) sum += from[b];
    if (threadIdx.x == 5) to[blockIdx.x] = sum + blockIdx.x;
    grid_sync();
  }
}

TEST_F(CooperativeTest, ManyGridBarriers) {
  constexpr std::size_t kBlocks = 6;
  constexpr int kRounds = 7;
  std::vector<std::int64_t> cells(2 * kBlocks, 1);
  std::vector<std::int64_t> expected(kBlocks, 1);
  for (int round = 0; round < kRounds; ++round) {
    std::int64_t sum = 0;
    for (const std::int64_t cell : expected) sum += cell;
    for (std::size_t b = 0; b < kBlocks; ++b) expected[b] = sum + static_cast<std::int64_t>(b);
  }
  run(Launch{.blocks = kBlocks, .threads = 40, .cooperative = true}, many_rounds, cells.data(),
      kRounds);
  cells.erase(cells.begin(), cells.begin() + kBlocks);  // an odd number of rounds ends there
  EXPECT_EQ(cells, expected);
}

const std::string kGridSyncLine = line(+1);
__global__ void meet_in_the_grid() { grid_sync(); }

TEST_F(CooperativeTest, GridSyncWantsACooperativeLaunch) {
  EXPECT_THAT(
      error_of([] { run(Launch{.blocks = 2}, meet_in_the_grid); }),
      ::testing::HasSubstr("grid_sync at " + kGridSyncLine + ": the launch is not cooperative"));
}

TEST_F(CooperativeTest, BlocksThatDoNotFitAreRefused) {
  EXPECT_THAT(
      error_of(
          [] { run(Launch{.blocks = 9, .threads = 1024, .cooperative = true}, meet_in_the_grid); }),
      ::testing::HasSubstr("9 blocks in a cooperative launch, the machine holds 8 of them"));
  EXPECT_THAT(error_of([] {
                run(Launch{.blocks = 5,
                           .threads = 32,
                           .shared_bytes = std::size_t{200} * 1024,
                           .cooperative = true},
                    meet_in_the_grid);
              }),
              ::testing::HasSubstr("the machine holds 4"));
}

const std::string kHalfLine = line(+3);
__global__ void half_the_grid(int* alive) {
  const Guard guard(*alive);
  if (blockIdx.x < 2) grid_sync();
}

TEST_F(CooperativeTest, ABarrierThatPartOfTheGridMisses) {
  int alive = 0;
  EXPECT_THAT(error_of([&] {
                run(Launch{.blocks = 3, .threads = 64, .cooperative = true}, half_the_grid, &alive);
              }),
              ::testing::HasSubstr("divergence in the grid: of 192 threads 128 wait in grid_sync "
                                   "at " +
                                   kHalfLine + ", 64 have returned"));
  EXPECT_EQ(alive, 0) << "waiting threads are unwound";
}

}  // namespace
}  // namespace polder::kernels::emulated::testing
