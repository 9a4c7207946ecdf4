#include <bit>
#include <limits>

#include "emulated/emulated_test.h"

// Shuffles and votes of a warp, against the rules of the CUDA programming guide written as loops.
namespace polder::kernels::emulated::testing {
namespace {

constexpr unsigned kFull = 0xffffffffU;

enum class Kind { at, up, down, across };

template <class T>
__global__ void shuffle_all(Kind kind, int distance, int width, const T* in, T* out) {
  const std::int64_t i = thread_rank();
  const auto delta = static_cast<unsigned>(distance);
  if (kind == Kind::at) out[i] = __shfl_sync(kFull, in[i], distance, width);
  if (kind == Kind::up) out[i] = __shfl_up_sync(kFull, in[i], delta, width);
  if (kind == Kind::down) out[i] = __shfl_down_sync(kFull, in[i], delta, width);
  if (kind == Kind::across) out[i] = __shfl_xor_sync(kFull, in[i], distance, width);
}

/// The lane that a shuffle reads. `lane` itself where the source is out of its group.
int source_lane(Kind kind, int lane, int distance, int width) {
  const int begin = lane / width * width;
  switch (kind) {
    case Kind::at:
      return begin + (distance % width + width) % width;
    case Kind::up:
      return lane - distance < begin ? lane : lane - distance;
    case Kind::down:
      return lane + distance >= begin + width ? lane : lane + distance;
    case Kind::across:
      return (lane ^ distance) >= begin + width ? lane : lane ^ distance;
  }
  return -1;
}

template <class T>
class ShuffleTest : public EmulatedTest {
 protected:
  std::vector<T> inputs(std::size_t count) {
    if constexpr (std::is_floating_point_v<T>)
      return this->template draw<T>(count, T{-100}, T{100});
    else
      return this->template draw<T>(count, std::numeric_limits<T>::min(),
                                    std::numeric_limits<T>::max());
  }

  void expect_rule(Kind kind, int distance, int width) {
    constexpr int kThreads = 96;
    const std::vector<T> in = inputs(2 * kThreads);
    std::vector<T> out(in.size(), T{});
    run(Launch{.blocks = 2, .threads = kThreads}, shuffle_all<T>, kind, distance, width, in.data(),
        out.data());
    for (int i = 0; i < 2 * kThreads; ++i) {
      const int source = i / 32 * 32 + source_lane(kind, i % 32, distance, width);
      ASSERT_EQ(out[static_cast<std::size_t>(i)], in[static_cast<std::size_t>(source)])
          << "kind " << static_cast<int>(kind) << ", distance " << distance << ", width " << width
          << ", thread " << i;
    }
  }
};

using ShuffledTypes = ::testing::Types<int, unsigned, long, unsigned long, long long,
                                       unsigned long long, float, double>;
TYPED_TEST_SUITE(ShuffleTest, ShuffledTypes);

TYPED_TEST(ShuffleTest, EveryDistanceAndWidth) {
  for (const Kind kind : {Kind::at, Kind::up, Kind::down, Kind::across})
    for (const int width : {1, 2, 4, 8, 16, 32})
      for (int distance = 0; distance < 32; ++distance) this->expect_rule(kind, distance, width);
}

TYPED_TEST(ShuffleTest, SourcesBeyondTheGroupWrapAround) {
  for (const int distance : {-1, -33, 32, 47, 1000}) this->expect_rule(Kind::at, distance, 16);
}

class WarpTest : public EmulatedTest {};

__global__ void vote(const int* predicate, unsigned* ballots, int* any, int* all) {
  const std::int64_t i = thread_rank();
  ballots[i] = __ballot_sync(kFull, predicate[i]);
  any[i] = __any_sync(kFull, predicate[i]);
  all[i] = __all_sync(kFull, predicate[i]);
}

TEST_F(WarpTest, Votes) {
  constexpr std::size_t kThreads = 32 * 5 + 12;  // the last warp has 12 lanes
  auto predicate = draw<int>(kThreads, 0, 1);
  std::fill_n(predicate.begin(), 32, 0);
  std::fill_n(predicate.begin() + 32, 32, -5);
  std::fill_n(predicate.begin() + 160, 12, 1);
  std::vector<unsigned> ballots(kThreads, 77);
  std::vector<int> any(kThreads, 77), all(kThreads, 77);
  run(Launch{.threads = kThreads}, vote, predicate.data(), ballots.data(), any.data(), all.data());
  for (std::size_t i = 0; i < kThreads; ++i) {
    const std::size_t begin = i / 32 * 32;
    const std::size_t lanes = std::min<std::size_t>(32, kThreads - begin);
    unsigned expected = 0;
    for (std::size_t lane = 0; lane < lanes; ++lane)
      if (predicate[begin + lane] != 0) expected |= 1U << lane;
    EXPECT_EQ(ballots[i], expected) << i;
    EXPECT_EQ(any[i], expected != 0 ? 1 : 0) << i;
    EXPECT_EQ(all[i], static_cast<std::size_t>(std::popcount(expected)) == lanes ? 1 : 0) << i;
  }
}

__global__ void read_above(float* out) {
  out[threadIdx.x] = __shfl_down_sync(kFull, static_cast<float>(threadIdx.x), 8);
}

TEST_F(WarpTest, LanesThatDoNotExistGivePoison) {
  std::vector<float> out(44, 0);
  run(Launch{.threads = 44}, read_above, out.data());
  EXPECT_EQ(out[32 + 3], 32 + 11);
  EXPECT_TRUE(std::isnan(out[32 + 4])) << out[32 + 4];
  EXPECT_TRUE(std::isnan(out[32 + 11])) << out[32 + 11];
}

/// Each lane hands its value on through memory that the whole warp shares.
__global__ void rotate(int* out) {
  POLDER_SHARED(int, mail, 64);
  for (int round = 0; round < 5; ++round) {
    mail[threadIdx.x] = static_cast<int>(threadIdx.x) * 10 + round;
    __syncwarp();
    const unsigned next = threadIdx.x / 32 * 32 + (threadIdx.x + 1) % 32;
    out[round * 64 + static_cast<int>(threadIdx.x)] = mail[next];
    __syncwarp();
  }
}

TEST_F(WarpTest, SyncwarpOrdersSharedMemory) {
  for (const std::uint64_t seed : {0, 1, 2, 3}) {
    set_checks({.order_seed = seed});
    std::vector<int> out(5 * 64, -1);
    run(Launch{.threads = 64}, rotate, out.data());
    for (int round = 0; round < 5; ++round)
      for (int t = 0; t < 64; ++t)
        EXPECT_EQ(out[static_cast<std::size_t>(round * 64 + t)],
                  (t / 32 * 32 + (t + 1) % 32) * 10 + round);
  }
}

const std::string kPartialMaskLine = line(+1);
__global__ void partial_mask() { __shfl_xor_sync(0xffffU, 1, 1); }

const std::string kWidthLine = line(+1);
__global__ void odd_width() { __shfl_up_sync(kFull, 1, 1, 12); }

const std::string kDistanceLine = line(+1);
__global__ void far() { __shfl_down_sync(kFull, 1, 32); }

TEST_F(WarpTest, WrongArgumentsNameTheLine) {
  using ::testing::HasSubstr;
  EXPECT_THAT(error_of([] { run(Launch{}, partial_mask); }),
              HasSubstr("__shfl_xor_sync at " + kPartialMaskLine + ": mask 0x0000ffff"));
  EXPECT_THAT(error_of([] { run(Launch{}, odd_width); }),
              HasSubstr("__shfl_up_sync at " + kWidthLine + ": distance 1 in groups of 12"));
  EXPECT_THAT(error_of([] { run(Launch{}, far); }),
              HasSubstr("__shfl_down_sync at " + kDistanceLine + ": distance 32"));
}

}  // namespace
}  // namespace polder::kernels::emulated::testing
