#include "kernels/kernel_test.h"

namespace polder::kernels::testing {
namespace {

class ReduceTest : public KernelTest {};
POLDER_ACTIVATION_SUITE(ReduceTest);

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Shape shape_of(AxisView view) { return {view.outer, view.n, view.inner}; }

/// Widths that fit and do not fit the groups of columns, and middle axes short and long.
const std::vector<AxisView> kViews = {
    {0, 3, 2},      {2, 0, 3},     {2, 0, 1},     {3, 4, 0},      {1, 1, 1},     {1, 33, 1},
    {5, 7, 1},      {4, 1, 9},     {3, 17, 5},    {1, 5, 513},    {2, 3, 1500},  {1000, 10, 1},
    {1, 200003, 1}, {1, 9001, 16}, {2, 700, 511}, {3, 100000, 2}, {1, 300, 1025}};

std::size_t at(AxisView view, std::int64_t o, std::int64_t n, std::int64_t i) {
  return static_cast<std::size_t>((o * view.n + n) * view.inner + i);
}

TEST_P(ReduceTest, SumMatchesANaiveSum) {
  for (const AxisView view : kViews) {
    SCOPED_TRACE(to_string(shape_of(view)));
    const Tensor x = normals(shape_of(view));
    const Values in = host(x);
    Values expected(static_cast<std::size_t>(view.outer * view.inner));
    for (std::int64_t o = 0; o < view.outer; ++o)
      for (std::int64_t n = 0; n < view.n; ++n)
        for (std::int64_t i = 0; i < view.inner; ++i)
          expected[static_cast<std::size_t>(o * view.inner + i)] += in[at(view, o, n, i)];
    Tensor y = poisoned({view.outer, view.inner});
    backend().reduce(Reduction::sum, x, view, y);
    expect_close(y, expected, {.terms = static_cast<double>(view.n)});
  }
}

TEST_P(ReduceTest, SumIsHandedOnInTheWiderTypeWhereItsResultHasRoom) {
  if (dtype() != DType::bfloat16) GTEST_SKIP() << "only bfloat16 has a wider type";
  for (const AxisView view : kViews) {
    SCOPED_TRACE(to_string(shape_of(view)));
    const Tensor x = normals(shape_of(view));
    const Values in = host(x);
    Values expected(static_cast<std::size_t>(view.outer * view.inner));
    for (std::int64_t o = 0; o < view.outer; ++o)
      for (std::int64_t n = 0; n < view.n; ++n)
        for (std::int64_t i = 0; i < view.inner; ++i)
          expected[static_cast<std::size_t>(o * view.inner + i)] += in[at(view, o, n, i)];
    Tensor y = wide_poisoned({view.outer, view.inner});
    backend().reduce(Reduction::sum, x, view, y);
    expect_close(y, expected, {.terms = static_cast<double>(view.n)});
  }
}

TEST_P(ReduceTest, MaxIsTheLargestElement) {
  for (const AxisView view : kViews) {
    SCOPED_TRACE(to_string(shape_of(view)));
    const Tensor x = normals(shape_of(view));
    const Values in = host(x);
    Values expected(static_cast<std::size_t>(view.outer * view.inner), -kInfinity);
    for (std::int64_t o = 0; o < view.outer; ++o)
      for (std::int64_t n = 0; n < view.n; ++n)
        for (std::int64_t i = 0; i < view.inner; ++i) {
          double& best = expected[static_cast<std::size_t>(o * view.inner + i)];
          best = std::max(best, in[at(view, o, n, i)]);
        }
    Tensor y = poisoned({view.outer, view.inner});
    backend().reduce(Reduction::max, x, view, y);
    EXPECT_EQ(host(y), expected);
  }
}

TEST_P(ReduceTest, SumOfManyEqualNumbersDoesNotDrift) {
  const std::int64_t n = 3000000;  // a float32 running sum of 0.1 would be off by some 0.1 %
  Tensor x = poisoned({n}), y = poisoned({});
  backend().fill(0.1, x);
  backend().reduce(Reduction::sum, x, {1, n, 1}, y);
  const double expected = host(x)[0] * static_cast<double>(n);
  EXPECT_NEAR(host(y)[0], expected, expected * (unit(dtype()) + 1e-12));
}

TEST_P(ReduceTest, NotANumberAndInfinityArePassedOn) {
  for (const std::int64_t inner : {1, 3}) {
    const AxisView view{1, 50, inner};
    for (const double odd : {std::nan(""), kInfinity}) {
      Values values(static_cast<std::size_t>(50 * inner), 1.0);
      values[static_cast<std::size_t>(20 * inner)] = odd;
      for (const Reduction op : {Reduction::sum, Reduction::max}) {
        Tensor y = poisoned({inner});
        backend().reduce(op, upload(values), view, y);
        expect_close(y.slice(0, 1), {odd});
        if (inner > 1) {
          EXPECT_TRUE(std::isfinite(host(y)[1]));
        }
      }
    }
  }
}

TEST_P(ReduceTest, ArgMaxFindsTheFirstOfTheLargest) {
  const Values row = {1, 5, 2, 5, -1, 5, 5, 3, 0, 0, 0, 0, 0, 0, 0, 0, 5, 5};
  const std::int64_t n = static_cast<std::int64_t>(row.size());
  Tensor index = poisoned_indices({1});
  backend().arg_max(upload(row, {1, n}), index);
  EXPECT_EQ(host(index), Values{1});
  Tensor constant = poisoned({3, 41}), all = poisoned_indices({3});
  backend().fill(-kInfinity, constant);
  backend().arg_max(constant, all);
  EXPECT_EQ(host(all), (Values{0, 0, 0}));
}

TEST_P(ReduceTest, ArgMaxMatchesANaiveSearch) {
  for (const auto& [rows, n] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {0, 4}, {1, 1}, {7, 10}, {33, 31}, {500, 100}, {2, 40001}}) {
    SCOPED_TRACE(to_string(Shape{rows, n}));
    const Tensor x = normals({rows, n});
    const Values in = host(x);
    Values expected;
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto first = in.begin() + r * n;
      expected.push_back(static_cast<double>(std::max_element(first, first + n) - first));
    }
    Tensor index = poisoned_indices({rows});
    backend().arg_max(x, index);
    EXPECT_EQ(host(index), expected);
  }
}

}  // namespace
}  // namespace polder::kernels::testing
