#include "emulated/emulated_test.h"

// What the device sees of a kernel's use of shared memory.
namespace polder::kernels::emulated::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class SharedMemoryTest : public EmulatedTest {};

const std::string kOutLine = line(+4);
__global__ void write_at(int index) {
  POLDER_SHARED(float, values, 32);
  values[threadIdx.x % 32] = 1;
  if (blockIdx.x == 2 && threadIdx.x == 7) values[index] = 2;
}

TEST_F(SharedMemoryTest, AnIndexOutOfRangeNamesTheLine) {
  const std::string where = " in a shared array of 32 elements at " + kOutLine;
  for (const int workers : {1, 2})
    for (const int index : {32, -1, 1'000'000}) {
      set_thread_count(workers);
      const std::string launched = "; launched at " + line(+1);
      EXPECT_THAT(error_of([&] { run(Launch{.blocks = 12, .threads = 64}, write_at, index); }),
                  AllOf(HasSubstr("thread (7, 0, 0) of block (2, 0, 0): index " +
                                  std::to_string(index) + where),
                        HasSubstr(launched)));
    }
  EXPECT_EQ(error_of([] { run(Launch{.blocks = 12, .threads = 64}, write_at, 31); }), "");
}

template <class T>
__device__ void touch(const T& array, std::size_t index) {
  array[index] = 0;
}

__global__ void write_dynamic(std::size_t index) {
  POLDER_DYNAMIC_SHARED(double, values);
  touch(values, index);
}

TEST_F(SharedMemoryTest, DynamicMemoryHasTheSizeOfTheLaunch) {
  EXPECT_EQ(error_of([] { run(Launch{.shared_bytes = 80}, write_dynamic, 9U); }), "");
  EXPECT_THAT(error_of([] { run(Launch{.shared_bytes = 80}, write_dynamic, 10U); }),
              HasSubstr("index 10 in a shared array of 10 elements at shared_memory_test.cpp:"));
  EXPECT_THAT(error_of([] { run(Launch{}, write_dynamic, 0U); }),
              HasSubstr("index 0 in a shared array of 0 elements"));
}

/// A reversal of each block's values. Without the barrier it is wrong: each thread reads what
/// another one writes.
template <bool with_barrier>
__global__ void reverse(const float* in, float* out) {
  POLDER_SHARED(float, values, 64);
  values[threadIdx.x] = in[thread_rank()];
  if constexpr (with_barrier) __syncthreads();
  out[thread_rank()] = values[63 - threadIdx.x];
}

std::size_t wrong_after_reverse(void (*kernel)(const float*, float*),
                                const std::vector<float>& in) {
  std::vector<float> out(in.size(), 0);
  run(Launch{.blocks = static_cast<std::int64_t>(in.size() / 64), .threads = 64}, kernel, in.data(),
      out.data());
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < in.size(); ++i)
    if (out[i] != in[i / 64 * 64 + 63 - i % 64]) ++wrong;
  return wrong;
}

TEST_F(SharedMemoryTest, PoisonShowsAMissingBarrier) {
  const auto in = draw<float>(64 * 10, 1, 2);
  EXPECT_EQ(wrong_after_reverse(reverse<true>, in), 0U);
  EXPECT_EQ(wrong_after_reverse(reverse<false>, in), 32U * 10);
}

/// Reads what the thread before wrote: in the order of the threads that goes well by accident.
template <bool with_barrier>
__global__ void pass_on(float* out) {
  POLDER_SHARED(float, values, 64);
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  if constexpr (with_barrier) __syncthreads();
  out[thread_rank()] = threadIdx.x == 0 ? 0 : values[threadIdx.x - 1];
}

std::vector<float> passed_on(void (*kernel)(float*), std::uint64_t seed) {
  set_checks({.order_seed = seed});
  std::vector<float> out(64 * 4, -1);
  run(Launch{.blocks = 4, .threads = 64}, kernel, out.data());
  for (float& value : out)
    if (std::isnan(value)) value = -2;  // so that results compare
  return out;
}

TEST_F(SharedMemoryTest, AShuffledOrderShowsAMissingBarrier) {
  const auto natural = passed_on(pass_on<false>, 0);
  for (int t = 0; t < 64; ++t) EXPECT_EQ(natural[static_cast<std::size_t>(t)], std::max(t - 1, 0));
  for (const std::uint64_t seed : {1, 2, 3}) {
    EXPECT_NE(passed_on(pass_on<false>, seed), natural) << "seed " << seed;
    EXPECT_EQ(passed_on(pass_on<true>, seed), natural) << "seed " << seed;
  }
  EXPECT_NE(passed_on(pass_on<false>, 1), passed_on(pass_on<false>, 2));
  EXPECT_EQ(passed_on(pass_on<false>, 1), passed_on(pass_on<false>, 1));
}

__global__ void read_unwritten(float* shared, int* dynamic) {
  POLDER_SHARED(float, values, 16);
  POLDER_DYNAMIC_SHARED(int, more);
  shared[blockIdx.x] = values[5];
  dynamic[blockIdx.x] = more[1];
  __syncthreads();
  values[threadIdx.x] = 3;
  more[threadIdx.x] = 4;
}

TEST_F(SharedMemoryTest, PoisonReachesEveryBlockAndCanBeTurnedOff) {
  const auto read = [](bool poison) {
    set_thread_count(1);
    set_checks({.poison_shared = poison});
    std::vector<float> shared(3, 0);
    std::vector<int> dynamic(3, 0);
    run(Launch{.blocks = 3, .threads = 16, .shared_bytes = 64}, read_unwritten, shared.data(),
        dynamic.data());
    return std::pair(shared, dynamic);
  };
  const auto [shared, dynamic] = read(true);
  for (const float value : shared) EXPECT_TRUE(std::isnan(value)) << value;
  EXPECT_THAT(dynamic, ::testing::Each(-1));
  const auto [left, left_dynamic] = read(false);  // what the block before left there
  EXPECT_EQ(left[2], 3);
  EXPECT_EQ(left_dynamic[2], 4);
}

/// Two declarations, also of one template, are two arrays; the same one is the same for all
/// threads.
template <int value>
__device__ void keep(int* out) {
  POLDER_SHARED(int, mine, 2);
  if (threadIdx.x == 0) mine[1] = value;
  __syncthreads();
  if (threadIdx.x == 1) *out = mine[1];
}

__global__ void two_arrays(int* out) {
  POLDER_SHARED(int, own, 2);
  if (threadIdx.x == 0) own[1] = 7;
  keep<8>(out);
  keep<9>(out + 1);
  if (threadIdx.x == 1) out[2] = own[1];
}

TEST_F(SharedMemoryTest, EveryDeclarationIsAnArrayOfItsOwn) {
  std::vector<int> out(3, 0);
  run(Launch{.threads = 2}, two_arrays, out.data());
  EXPECT_THAT(out, ::testing::ElementsAre(8, 9, 7));
}

__global__ void declare_too_much() {
  POLDER_SHARED(double, most, 6 * 1024);
  POLDER_SHARED(char, more, 1);
  most[0] = more[0] = 0;
}

__global__ void declare_some() {
  POLDER_SHARED(double, some, 1024);
  some[0] = 0;
}

TEST_F(SharedMemoryTest, ABlockHasSoMuchAndNoMore) {
  EXPECT_THAT(error_of([] { run(Launch{}, declare_too_much); }),
              HasSubstr("49153 bytes of shared memory declared, a block has at most 49152"));
  EXPECT_THAT(error_of([] { run(Launch{.shared_bytes = 227 * 1024}, declare_some); }),
              HasSubstr("8192 bytes of shared memory declared and 232448 dynamic"));
  EXPECT_EQ(error_of([] { run(Launch{.shared_bytes = 219 * 1024}, declare_some); }), "");
}

}  // namespace
}  // namespace polder::kernels::emulated::testing
