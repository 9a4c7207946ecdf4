#include <cmath>
#include <limits>

#include "emulated/emulated_test.h"

// CUDA's functions: atomics, bits, arithmetic.
namespace polder::kernels::emulated::testing {
namespace {

class LanguageTest : public EmulatedTest {};

template <class T>
struct Cells {
  T added, largest, smallest, bits, kept, exchanged, swapped;
};

template <class T>
__global__ void change_all(const T* values, std::int64_t n, Cells<T>* cells, T* seen) {
  for (std::int64_t i = thread_rank(); i < n; i += emulated::thread_count()) {
    const T value = values[i];
    atomicMax(&cells->largest, value);
    atomicMin(&cells->smallest, value);
    atomicOr(&cells->bits, value);
    atomicAnd(&cells->kept, value);
    atomicExch(&cells->exchanged, value);
    for (T old = cells->swapped;;) {  // the sum again, by compare and swap
      const T found = atomicCAS(&cells->swapped, old, old + value);
      if (found == old) break;
      old = found;
    }
    seen[i] = atomicAdd(&cells->added, value);
  }
}

template <class T>
class AtomicsTest : public EmulatedTest {};
using AtomicTypes = ::testing::Types<int, unsigned, unsigned long long>;
TYPED_TEST_SUITE(AtomicsTest, AtomicTypes);

TYPED_TEST(AtomicsTest, AgreeWithALoopOverTwoWorkers) {
  using T = TypeParam;
  constexpr std::int64_t kElements = 20'000;
  auto values = this->template draw<T>(kElements, T{1}, T{50'000});
  set_thread_count(2);
  Cells<T> cells{0, 0, std::numeric_limits<T>::max(), 0, std::numeric_limits<T>::max(), 0, 0};
  std::vector<T> seen(kElements, 0);
  run(Launch{.blocks = 200, .threads = 32}, change_all<T>, values.data(), kElements, &cells,
      seen.data());
  T sum = 0, bits = 0, kept = std::numeric_limits<T>::max();
  for (const T value : values) {
    sum += value;
    bits |= value;
    kept &= value;
  }
  EXPECT_EQ(cells.added, sum);
  EXPECT_EQ(cells.swapped, sum);
  EXPECT_EQ(cells.bits, bits);
  EXPECT_EQ(cells.kept, kept);
  EXPECT_EQ(cells.largest, *std::max_element(values.begin(), values.end()));
  EXPECT_EQ(cells.smallest, *std::min_element(values.begin(), values.end()));
  EXPECT_NE(std::find(values.begin(), values.end(), cells.exchanged), values.end());
  // What the additions saw is the running sum of some order: sorted, the steps are the values.
  std::sort(seen.begin(), seen.end());
  std::vector<T> steps;
  for (std::size_t i = 0; i < seen.size(); ++i)
    steps.push_back((i + 1 < seen.size() ? seen[i + 1] : sum) - seen[i]);
  std::sort(steps.begin(), steps.end());
  std::sort(values.begin(), values.end());
  EXPECT_EQ(steps, values);
}

/// Every thread adds 1 to one cell again and again, once a second block is there to disturb the
/// first (or did not come for long: a program may have one host thread).
__global__ void add_ones(int* blocks_here, int* cell, int times) {
  if (threadIdx.x == 0) {
    atomicAdd(blocks_here, 1);
    for (int patience = 0; patience < 20'000'000 && atomicAdd(blocks_here, 0) < 2; ++patience) {
    }
  }
  __syncthreads();
  for (int i = 0; i < times; ++i) atomicAdd(cell, 1);
}

TEST_F(LanguageTest, AdditionsOfTwoWorkersAreNotLost) {
  set_thread_count(2);
  int blocks_here = 0;
  int cell = 0;
  run(Launch{.blocks = 16, .threads = 32}, add_ones, &blocks_here, &cell, 10'000);
  EXPECT_EQ(cell, 16 * 32 * 10'000);
}

__global__ void last_block_sums(const double* x, double* partial, unsigned* done, double* total) {
  if (threadIdx.x != 0) return;
  partial[blockIdx.x] = x[blockIdx.x];
  __threadfence();
  if (atomicAdd(done, 1U) != gridDim.x - 1) return;
  double sum = 0;
  for (unsigned b = 0; b < gridDim.x; ++b) sum += partial[b];
  *total = sum;
}

TEST_F(LanguageTest, TheLastBlockSeesWhatTheOthersWrote) {
  set_thread_count(2);
  const auto x = draw<double>(500, -1, 1);
  double expected = 0;
  for (const double value : x) expected += value;
  std::vector<double> partial(x.size(), std::nan(""));
  unsigned done = 0;
  double total = std::nan("");
  run(Launch{.blocks = 500, .threads = 4}, last_block_sums, x.data(), partial.data(), &done,
      &total);
  EXPECT_EQ(total, expected);
}

TEST_F(LanguageTest, Bits) {
  for (const unsigned x : draw<unsigned>(1000, 1, std::numeric_limits<unsigned>::max())) {
    unsigned reversed = 0;
    int ones = 0, highest = 0, lowest = -1;
    for (int bit = 0; bit < 32; ++bit)
      if ((x >> bit & 1U) != 0) {
        reversed |= 1U << (31 - bit);
        ++ones;
        highest = bit;
        if (lowest < 0) lowest = bit;
      }
    EXPECT_EQ(__brev(x), reversed);
    EXPECT_EQ(__popc(x), ones);
    EXPECT_EQ(__clz(static_cast<int>(x)), 31 - highest);
    EXPECT_EQ(__ffs(static_cast<int>(x)), lowest + 1);
    const unsigned long long wide = static_cast<unsigned long long>(x) << 20;
    EXPECT_EQ(__popcll(wide), ones);
    EXPECT_EQ(__clzll(static_cast<long long>(wide)), 63 - highest - 20);
    EXPECT_EQ(__ffsll(static_cast<long long>(wide)), lowest + 1 + 20);
  }
  EXPECT_EQ(__clz(0), 32);
  EXPECT_EQ(__clzll(0), 64);
  EXPECT_EQ(__ffs(0), 0);
  EXPECT_EQ(__ffsll(0), 0);
}

/// The upper half of x y from products of halves.
template <class T>
T upper_product(T x, T y) {
  constexpr int kHalf = sizeof(T) * 4;
  const T mask = (T{1} << kHalf) - 1;
  const T x1 = x >> kHalf, x0 = x & mask, y1 = y >> kHalf, y0 = y & mask;
  const T middle = x1 * y0 + (x0 * y0 >> kHalf);
  return x1 * y1 + (middle >> kHalf) + ((x0 * y1 + (middle & mask)) >> kHalf);
}

TEST_F(LanguageTest, UpperHalvesOfProducts) {
  using Wide = unsigned long long;
  const auto narrow = draw<unsigned>(2000, 0, std::numeric_limits<unsigned>::max());
  const auto wide = draw<Wide>(2000, 0, std::numeric_limits<Wide>::max());
  for (std::size_t i = 0; i + 1 < narrow.size(); ++i) {
    EXPECT_EQ(__umulhi(narrow[i], narrow[i + 1]), upper_product(narrow[i], narrow[i + 1]));
    EXPECT_EQ(__umul64hi(wide[i], wide[i + 1]), upper_product(wide[i], wide[i + 1]));
  }
}

TEST_F(LanguageTest, Arithmetic) {
  EXPECT_FLOAT_EQ(rsqrtf(16.0F), 0.25F);
  EXPECT_DOUBLE_EQ(rsqrt(16.0), 0.25);
  EXPECT_NEAR(normcdf(1.959963984540054), 0.975, 1e-15);  // tables of the standard normal
  EXPECT_NEAR(normcdf(-5.0) / 2.866515718791939e-7, 1, 1e-12);
  EXPECT_FLOAT_EQ(normcdff(0.0F), 0.5F);
  EXPECT_EQ(__fmaf_rn(1 + 0x1p-12F, 1 + 0x1p-12F, -1 - 0x1p-11F), 0x1p-24F);  // one rounding
  EXPECT_EQ(min(3, -4), -4);
  EXPECT_EQ(max(3U, 4U), 4U);
  EXPECT_EQ(max(std::nanf(""), 1.0F), 1.0F);
  EXPECT_EQ(min(1.0, std::nan("")), 1.0);
  EXPECT_EQ(__float_as_uint(1.0F), 0x3f800000U);
  EXPECT_EQ(__uint_as_float(0x40490fdbU), 3.14159274F);
  EXPECT_EQ(__float_as_int(-0.0F), std::numeric_limits<int>::min());
  EXPECT_EQ(__double_as_longlong(1.0), 0x3ff0000000000000LL);
  EXPECT_EQ(__longlong_as_double(0x4000000000000000LL), 2.0);
}

__global__ void __launch_bounds__(64)
    copy_vectors(const float4* __restrict__ in, float4* __restrict__ out) {
  const float4 value = __ldg(in + threadIdx.x);
  __stcs(out + threadIdx.x, make_float4(value.w, value.z, value.y, value.x));
}

TEST_F(LanguageTest, VectorsOfFour) {
  alignas(16) float in[64], out[64];
  for (int i = 0; i < 64; ++i) in[i] = static_cast<float>(i);
  run(Launch{.threads = 16}, copy_vectors, reinterpret_cast<const float4*>(in),
      reinterpret_cast<float4*>(out));
  for (int i = 0; i < 64; ++i) EXPECT_EQ(out[i], static_cast<float>(i / 4 * 4 + 3 - i % 4));
}

}  // namespace
}  // namespace polder::kernels::emulated::testing
