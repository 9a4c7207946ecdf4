#include <gtest/gtest.h>

#include "kernels/product_testing.h"

namespace polder::kernels {
namespace {

using testing::ExpectedSums;

struct Sizes {
  std::int64_t m, n, k, batches = 0;  // 0: two axes
};

Shape stacked(std::int64_t batches, std::int64_t rows, std::int64_t columns) {
  return batches == 0 ? Shape{rows, columns} : Shape{batches, rows, columns};
}

struct Problem {
  Tensor a, b, y;
  bool transpose_a, transpose_b;
};

template <class T>
Problem problem(Sizes s, bool transpose_a, bool transpose_b, std::mt19937_64& generator) {
  const Shape a = transpose_a ? stacked(s.batches, s.k, s.m) : stacked(s.batches, s.m, s.k);
  const Shape b = transpose_b ? stacked(s.batches, s.n, s.k) : stacked(s.batches, s.k, s.n);
  return {testing::random_tensor<T>(a, generator), testing::random_tensor<T>(b, generator),
          testing::poisoned<T>(stacked(s.batches, s.m, s.n)), transpose_a, transpose_b};
}

template <class T>
ExpectedSums expected(const Problem& p, Sizes s) {
  const auto a = p.a.to_vector<T>(), b = p.b.to_vector<T>();
  ExpectedSums sums(p.y.numel());
  for (std::int64_t batch = 0; batch < std::max<std::int64_t>(1, s.batches); ++batch)
    for (std::int64_t i = 0; i < s.m; ++i)
      for (std::int64_t j = 0; j < s.n; ++j)
        for (std::int64_t q = 0; q < s.k; ++q) {
          const auto at = batch * s.m * s.k + (p.transpose_a ? q * s.m + i : i * s.k + q);
          const auto bt = batch * s.k * s.n + (p.transpose_b ? j * s.k + q : q * s.n + j);
          sums.add((batch * s.m + i) * s.n + j,
                   static_cast<double>(a[static_cast<std::size_t>(at)]) *
                       b[static_cast<std::size_t>(bt)]);
        }
  return sums;
}

template <class T>
void check(Sizes s, std::mt19937_64& generator) {
  SCOPED_TRACE(fmt::format("m {} n {} k {} batches {}", s.m, s.n, s.k, s.batches));
  for (const bool transpose_a : {false, true})
    for (const bool transpose_b : {false, true}) {
      SCOPED_TRACE(fmt::format("transposed {} {}", transpose_a, transpose_b));
      Problem p = problem<T>(s, transpose_a, transpose_b, generator);
      backend_of(kCpu).matmul(p.a, transpose_a, p.b, transpose_b, p.y);
      testing::expect_sums<T>(p.y, expected<T>(p, s));
    }
}

template <class T>
class MatmulTest : public ::testing::Test {};
using Floats = ::testing::Types<float, double>;
TYPED_TEST_SUITE(MatmulTest, Floats);

TYPED_TEST(MatmulTest, AgreesWithTheNaiveSum) {
  std::mt19937_64 generator(11);
  for (const Sizes s : {Sizes{1, 1, 1},
                        {1, 1, 5000},
                        {7, 1, 3},
                        {1, 9, 4},
                        {5, 3, 2},
                        {17, 33, 65},
                        {64, 48, 640},
                        {130, 70, 641},
                        {129, 10, 784},
                        {257, 200, 33}})
    check<TypeParam>(s, generator);
}

TYPED_TEST(MatmulTest, AgreesWithTheNaiveSumWhenTheSumIsCutIntoStrands) {
  std::mt19937_64 generator(12);
  check<TypeParam>({40, 24, 9001}, generator);
}

TYPED_TEST(MatmulTest, MultipliesEachBatchOnItsOwn) {
  std::mt19937_64 generator(13);
  for (const Sizes s : {Sizes{3, 5, 7, 1}, {3, 5, 7, 4}, {31, 17, 70, 19}, {140, 150, 60, 2}})
    check<TypeParam>(s, generator);
}

TYPED_TEST(MatmulTest, AgreesWithTheNaiveSumOnRandomSizes) {
  std::random_device entropy;
  const unsigned seed = entropy();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 generator(seed);
  std::uniform_int_distribution<std::int64_t> size(1, 90), batches(0, 3);
  for (int trial = 0; trial < 10; ++trial)
    check<TypeParam>({size(generator), size(generator), size(generator), batches(generator)},
                     generator);
}

TEST(Matmul, AnEmptySumIsZero) {
  Tensor y = testing::poisoned<float>({3, 2});
  backend_of(kCpu).matmul(Tensor::empty({3, 0}), false, Tensor::empty({0, 2}), false, y);
  EXPECT_THAT(y.to_vector<float>(), ::testing::Each(0.0F));
}

TEST(Matmul, GivesTheSameBitsForAnyThreadCount) {
  std::mt19937_64 generator(14);
  for (const Sizes s : {Sizes{300, 200, 500}, {40, 24, 9001}, {70, 60, 50, 9}}) {
    SCOPED_TRACE(fmt::format("m {} n {} k {} batches {}", s.m, s.n, s.k, s.batches));
    const Problem p = problem<float>(s, false, true, generator);
    testing::expect_same_bits_for_any_thread_count([&] {
      Tensor y = testing::poisoned<float>(p.y.shape());
      backend_of(kCpu).matmul(p.a, p.transpose_a, p.b, p.transpose_b, y);
      return y;
    });
  }
}

TEST(Matmul, TakesNoMemoryFromTheSystemOnceWarm) {
  std::mt19937_64 generator(15);
  Problem p = problem<float>({40, 24, 9001}, true, false, generator);
  const auto multiply = [&] { backend_of(kCpu).matmul(p.a, true, p.b, false, p.y); };
  const int before = thread_count();
  set_thread_count(1);
  multiply();
  const auto calls = allocator_of(kCpu).stats().system_calls;
  multiply();
  EXPECT_EQ(allocator_of(kCpu).stats().system_calls, calls);
  set_thread_count(before);
}

}  // namespace
}  // namespace polder::kernels
