#include "kernels/kernel_test.h"
#include "polder/core/allocator.h"

namespace polder::kernels::testing {
namespace {

struct Sizes {
  std::int64_t m, n, k;
  std::int64_t batches = 0;  // 0: two axes
};

std::string to_string(Sizes s) {
  return fmt::format("[{}, {}] x [{}, {}], batches {}", s.m, s.k, s.k, s.n, s.batches);
}

Shape stacked(std::int64_t batches, std::int64_t rows, std::int64_t columns) {
  return batches == 0 ? Shape{rows, columns} : Shape{batches, rows, columns};
}

class MatmulTest : public KernelTest {
 protected:
  struct Problem {
    Tensor a, b;
    bool transpose_a, transpose_b;
  };

  Problem problem(Sizes s, bool transpose_a, bool transpose_b) {
    return {normals(transpose_a ? stacked(s.batches, s.k, s.m) : stacked(s.batches, s.m, s.k)),
            normals(transpose_b ? stacked(s.batches, s.n, s.k) : stacked(s.batches, s.k, s.n)),
            transpose_a, transpose_b};
  }

  Tensor multiply(const Problem& p, Sizes s) const {
    return multiply_into(poisoned(stacked(s.batches, s.m, s.n)), p);
  }
  Tensor multiply_into(Tensor y, const Problem& p) const {
    backend().matmul(p.a, p.transpose_a, p.b, p.transpose_b, y);
    return y;
  }

  static Values expected(const Problem& p, Sizes s) {
    const Values a = host(p.a), b = host(p.b);
    const auto element = [](const Values& x, bool transposed, std::int64_t batch, std::int64_t rows,
                            std::int64_t columns, std::int64_t i, std::int64_t j) {
      return x[static_cast<std::size_t>(batch * rows * columns +
                                        (transposed ? j * rows + i : i * columns + j))];
    };
    Values y;
    for (std::int64_t batch = 0; batch < std::max<std::int64_t>(1, s.batches); ++batch)
      for (std::int64_t i = 0; i < s.m; ++i)
        for (std::int64_t j = 0; j < s.n; ++j) {
          double sum = 0;
          for (std::int64_t q = 0; q < s.k; ++q)
            sum += element(a, p.transpose_a, batch, s.m, s.k, i, q) *
                   element(b, p.transpose_b, batch, s.k, s.n, q, j);
          y.push_back(sum);
        }
    return y;
  }

  void check(Sizes s) {
    for (const bool transpose_a : {false, true})
      for (const bool transpose_b : {false, true}) {
        SCOPED_TRACE(fmt::format("{}, transposed {} {}", to_string(s), transpose_a, transpose_b));
        const Problem p = problem(s, transpose_a, transpose_b);
        const Values truth = expected(p, s);
        const Rounding rounding = running_sum(static_cast<double>(s.k));
        expect_close(multiply(p, s), truth, rounding);
        if (dtype() != DType::bfloat16) continue;
        const Tensor unrounded = wide_poisoned(stacked(s.batches, s.m, s.n));
        expect_close(multiply_into(unrounded, p), truth, rounding);
      }
  }
};
POLDER_ACTIVATION_SUITE(MatmulTest);

TEST_P(MatmulTest, AgreesWithTheNaiveSum) {
  for (const Sizes s : {Sizes{1, 1, 1},
                        {1, 1, 5000},
                        {7, 1, 3},
                        {1, 9, 4},
                        {5, 3, 2},
                        {17, 33, 65},
                        {64, 48, 640},
                        {130, 70, 641},
                        {129, 10, 784},
                        {700, 5, 33},
                        {257, 200, 33},
                        {90, 700, 20}})
    check(s);
}

TEST_P(MatmulTest, AgreesWithTheNaiveSumWhenTheSumIsCutIntoStrands) { check({20, 24, 5001}); }

TEST_P(MatmulTest, MultipliesEachBatchOnItsOwn) {
  for (const Sizes s : {Sizes{3, 5, 7, 1}, {3, 5, 7, 4}, {31, 17, 70, 19}, {140, 150, 60, 2}})
    check(s);
}

TEST_P(MatmulTest, AgreesWithTheNaiveSumOnRandomSizes) {
  for (int trial = 0; trial < 10; ++trial) {
    const Indices size = draw_indices(3, 90);
    check({size[0] + 1, size[1] + 1, size[2] + 1, draw_indices(1, 4)[0]});
  }
}

TEST_P(MatmulTest, TakesArraysThatStartAnywhere) {
  const Sizes s{16, 32, 64, 3};
  const Problem p = problem(s, false, true);
  for (const std::int64_t start : {1, 2, 3}) {
    SCOPED_TRACE(start);
    Tensor y = copy_at(start, poisoned(stacked(s.batches, s.m, s.n)));
    backend().matmul(copy_at(start, p.a), false, copy_at(start, p.b), true, y);
    expect_close(y, expected(p, s), running_sum(static_cast<double>(s.k)));
  }
}

TEST_P(MatmulTest, AnEmptySumIsZeroAndAnEmptyBatchIsNothing) {
  EXPECT_THAT(host(multiply(problem({3, 2, 0}, false, false), {3, 2, 0})), ::testing::Each(0.0));
  EXPECT_TRUE(host(multiply(problem({0, 2, 5}, false, true), {0, 2, 5})).empty());
}

TEST_P(MatmulTest, GivesTheSameBitsForAnyThreadCount) {
  const int before = thread_count();
  for (const Sizes s : {Sizes{700, 600, 500}, {40, 24, 40001}, {170, 260, 350, 3}}) {
    SCOPED_TRACE(to_string(s));
    const Problem p = problem(s, false, true);
    set_thread_count(1);
    const Tensor alone = multiply(p, s);
    for (const int count : {2, 3}) {
      set_thread_count(count);
      EXPECT_TRUE(same_bits(multiply(p, s), alone)) << count << " threads";
    }
  }
  set_thread_count(before);
}

TEST_P(MatmulTest, TakesNoMemoryFromTheSystemOnceWarm) {
  const int before = thread_count();
  set_thread_count(1);
  const Sizes s{20, 24, 5001};
  const Problem p = problem(s, true, false);
  multiply(p, s);
  const auto calls = allocator_of(device()).stats().system_calls;
  multiply(p, s);
  EXPECT_EQ(allocator_of(device()).stats().system_calls, calls);
  set_thread_count(before);
}

}  // namespace
}  // namespace polder::kernels::testing
