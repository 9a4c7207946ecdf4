#include <stdexcept>

#include "emulated/emulated_test.h"

// Kernels that cannot end, kernels that throw, launches that a card would refuse: each gives one
// Error, and the device goes on.
namespace polder::kernels::emulated::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

__global__ void fill(int* out, int value) {
  __syncthreads();
  out[thread_rank()] = value;
}

class ErrorsTest : public EmulatedTest {
 protected:
  /// After whatever happened, kernels run as ever.
  void TearDown() override {
    std::vector<int> out(std::size_t{8} * 96, 0);
    run(Launch{.blocks = 8, .threads = 96}, fill, out.data(), 3);
    EXPECT_THAT(out, ::testing::Each(3));
    EmulatedTest::TearDown();
  }
};

const std::string kReturnLine = line(+3);
__global__ void some_return(unsigned count) {
  if (blockIdx.x == 1 && threadIdx.x < count) return;
  __syncthreads();
}

TEST_F(ErrorsTest, ThreadsThatReturnBeforeABarrier) {
  for (const int workers : {1, 2})
    for (const std::uint64_t seed : {0, 4}) {
      set_thread_count(workers);
      set_checks({.order_seed = seed});
      const bool together = workers == 1 && seed == 0;
      const Launch shape{.blocks = 9, .threads = 96, .cooperative = together};
      const std::string launched = line(-1);
      EXPECT_EQ(error_of([&] { run(shape, some_return, 5U); }),
                "emulated device: divergence in block (1, 0, 0): of 96 threads 91 wait in "
                "__syncthreads at " +
                    kReturnLine + ", 5 have returned; launched at " + launched);
    }
}

const std::string kFirstLine = line(+4);
const std::string kSecondLine = line(+5);
__global__ void two_barriers() {
  if (threadIdx.x < 10)
    __syncthreads();
  else
    __syncthreads_count(1);
}

TEST_F(ErrorsTest, ThreadsOfABlockInTwoBarriers) {
  EXPECT_THAT(error_of([] { run(Launch{.threads = 64}, two_barriers); }),
              AllOf(HasSubstr("divergence: of 64 threads that should meet"),
                    HasSubstr("10 wait in __syncthreads at " + kFirstLine),
                    HasSubstr("54 wait in __syncthreads_count at " + kSecondLine)));
}

const std::string kBarrierLine = line(+4);
const std::string kShuffleLine = line(+5);
__global__ void barrier_or_shuffle() {
  if (threadIdx.x % 2 == 0)
    __syncthreads();
  else
    __shfl_xor_sync(0xffffffffU, 1.0F, 1);
}

TEST_F(ErrorsTest, ADeadlockNamesBothPlaces) {
  for (const std::uint64_t seed : {0, 1}) {
    set_checks({.order_seed = seed});
    EXPECT_THAT(error_of([] { run(Launch{.blocks = 2, .threads = 64}, barrier_or_shuffle); }),
                AllOf(HasSubstr("deadlock in block ("),
                      HasSubstr("32 wait in __syncthreads at " + kBarrierLine),
                      HasSubstr("32 wait in __shfl_xor_sync at " + kShuffleLine)));
  }
}

const std::string kWarpLine = line(+3);
__global__ void a_lane_returns() {
  if (threadIdx.x == 40) return;
  __any_sync(0xffffffffU, 1);
}

TEST_F(ErrorsTest, ALaneThatReturnsBeforeAVote) {
  EXPECT_THAT(error_of([] { run(Launch{.threads = 64}, a_lane_returns); }),
              HasSubstr("divergence in block (0, 0, 0): of 64 threads 31 wait in __any_sync at " +
                        kWarpLine + ", 33 have returned"));
}

const std::string kEvenLine = line(+4);
const std::string kOddLine = line(+5);
__global__ void two_shuffles() {
  if (threadIdx.x % 2 == 0)
    __shfl_xor_sync(0xffffffffU, 1, 1);
  else
    __shfl_xor_sync(0xffffffffU, 2, 1);
}

TEST_F(ErrorsTest, LanesInTwoShuffles) {
  EXPECT_THAT(error_of([] { run(Launch{.threads = 32}, two_shuffles); }),
              AllOf(HasSubstr("divergence: of 32 threads that should meet"),
                    HasSubstr("16 wait in __shfl_xor_sync at " + kEvenLine),
                    HasSubstr("16 wait in __shfl_xor_sync at " + kOddLine)));
}

__global__ void throw_among_waiting(int* alive, int* most, int kind) {
  const Guard guard(*alive);
  *most = *alive;
  if (threadIdx.x == 50 && kind == 0) fail("thread {} has had enough", threadIdx.x);
  if (threadIdx.x == 50 && kind == 1) throw std::out_of_range("off the map");
  if (threadIdx.x == 50 && kind == 2) throw 42;
  __syncthreads();
  *most = 1000;
}

TEST_F(ErrorsTest, ExceptionsReachTheHost) {
  set_thread_count(1);
  const char* const expected[] = {"thread (50, 0, 0) of block (0, 0, 0): thread 50 has had enough",
                                  "thread (50, 0, 0) of block (0, 0, 0): off the map",
                                  "thread (50, 0, 0) of block (0, 0, 0): an exception that is no"};
  for (const bool cooperative : {false, true})
    for (int kind = 0; kind < 3; ++kind) {
      int alive = 0;
      int most = 0;
      EXPECT_THAT(error_of([&] {
                    run(Launch{.blocks = 3, .threads = 128, .cooperative = cooperative},
                        throw_among_waiting, &alive, &most, kind);
                  }),
                  HasSubstr(expected[kind]));
      EXPECT_EQ(most, 51) << "no thread goes past the barrier";
      EXPECT_EQ(alive, 0) << "waiting threads are unwound";
    }
}

/// Every block fails; none before the first one does.
__global__ void every_block_fails(int* started, int* first_is_here) {
  if (threadIdx.x == 0) atomicAdd(started, 1);
  if (blockIdx.x == 0) atomicExch(first_is_here, 1);
  while (atomicAdd(first_is_here, 0) == 0) {
  }
  if (threadIdx.x == 3) fail("no");
}

TEST_F(ErrorsTest, OfManyFailuresTheFirstIsReported) {
  for (const int workers : {1, 2, 4, 4, 4, 4, 4}) {
    set_thread_count(workers);
    int started = 0;
    int first_is_here = 0;
    EXPECT_THAT(error_of([&] {
                  run(Launch{.blocks = 1000, .threads = 8}, every_block_fails, &started,
                      &first_is_here);
                }),
                HasSubstr("thread (3, 0, 0) of block (0, 0, 0): no"));
    if (workers == 1) {
      EXPECT_EQ(started, 1) << "blocks after a failure do not run";
    }
  }
}

__global__ void nothing() {}

__global__ void launch_inside() { run(Launch{}, nothing); }

TEST_F(ErrorsTest, LaunchesThatACardRefuses) {
  const auto refusal = [](const Grid& grid) { return error_of([&] { run(grid, nothing); }); };
  EXPECT_THAT(refusal({.blocks = 1, .threads = 1025}), HasSubstr("a block of 1025 x 1 x 1"));
  EXPECT_THAT(refusal({.blocks = 1, .threads = dim3(1, 1, 65)}), HasSubstr("at most 64 in z"));
  EXPECT_THAT(refusal({.blocks = dim3(1, 0), .threads = 1}), HasSubstr("a grid of 1 x 0 x 1"));
  EXPECT_THAT(refusal({.blocks = dim3(1, 65536), .threads = 1}), HasSubstr("1 x 65536 x 1"));
  EXPECT_THAT(refusal({.blocks = 1, .threads = 1, .shared_bytes = 227 * 1024 + 1}),
              HasSubstr("232449 bytes of dynamic shared memory"));
  EXPECT_THAT(error_of([] { run(Launch{.blocks = -1}, nothing); }), HasSubstr("-1 blocks"));
  EXPECT_THAT(error_of([] { run(Launch{.threads = 0}, nothing); }), HasSubstr("of 0 threads"));
  EXPECT_THAT(error_of([] { run(Launch{.threads = 1}, launch_inside); }),
              HasSubstr("a kernel cannot launch a kernel"));
}

TEST_F(ErrorsTest, BarriersOutsideAKernel) {
  EXPECT_THAT(error_of([] { __syncthreads(); }), HasSubstr("is called outside a kernel"));
}

}  // namespace
}  // namespace polder::kernels::emulated::testing
