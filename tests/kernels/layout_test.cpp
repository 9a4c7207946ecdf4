#include <numeric>

#include "kernels/kernel_test.h"

namespace polder::kernels::testing {
namespace {

class LayoutTest : public KernelTest {};
POLDER_ACTIVATION_SUITE(LayoutTest);

TEST_P(LayoutTest, ExpandRepeatsAlongTheMiddleAxis) {
  for (const AxisView view : std::vector<AxisView>{
           {0, 3, 2}, {2, 0, 3}, {1, 1, 1}, {1, 40001, 1}, {7, 5, 1}, {3, 4, 33}, {2, 9, 5000}}) {
    SCOPED_TRACE(to_string(Shape{view.outer, view.n, view.inner}));
    const Tensor x = normals({view.outer, view.inner});
    const Values in = host(x);
    Values expected;
    for (std::int64_t o = 0; o < view.outer; ++o)
      for (std::int64_t n = 0; n < view.n; ++n)
        for (std::int64_t i = 0; i < view.inner; ++i)
          expected.push_back(in[static_cast<std::size_t>(o * view.inner + i)]);
    Tensor y = poisoned({view.outer, view.n, view.inner});
    backend().expand(x, view, y);
    EXPECT_EQ(host(y), expected);
  }
}

/// Position of the element with these coordinates.
std::int64_t flat(const Shape& shape, const std::vector<std::int64_t>& coordinates) {
  std::int64_t position = 0;
  for (int axis = 0; axis < shape.rank(); ++axis)
    position = position * shape[axis] + coordinates[static_cast<std::size_t>(axis)];
  return position;
}

std::vector<std::int64_t> coordinates_of(const Shape& shape, std::int64_t position) {
  std::vector<std::int64_t> coordinates(static_cast<std::size_t>(shape.rank()));
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    coordinates[static_cast<std::size_t>(axis)] = position % shape[axis];
    position /= shape[axis];
  }
  return coordinates;
}

Values permuted(const Values& x, const Shape& from, const std::vector<int>& order,
                const Shape& to) {
  Values y(x.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const auto target = coordinates_of(to, static_cast<std::int64_t>(i));
    std::vector<std::int64_t> source(target.size());
    for (std::size_t k = 0; k < order.size(); ++k)
      source[static_cast<std::size_t>(order[k])] = target[k];
    y[i] = x[static_cast<std::size_t>(flat(from, source))];
  }
  return y;
}

TEST_P(LayoutTest, PermuteReordersAxesInEveryOrder) {
  for (const Shape& shape : {Shape{}, Shape{5}, Shape{3, 0}, Shape{33, 65}, Shape{2, 3, 4},
                             Shape{7, 1, 31}, Shape{3, 5, 2, 9}}) {
    std::vector<int> order(static_cast<std::size_t>(shape.rank()));
    std::iota(order.begin(), order.end(), 0);
    do {
      std::vector<std::int64_t> sizes;
      for (const int axis : order) sizes.push_back(shape[axis]);
      const Shape to{std::span<const std::int64_t>(sizes)};
      SCOPED_TRACE(to_string(shape) + " -> " + to_string(to));
      const Tensor x = normals(shape);
      Tensor y = poisoned(to);
      backend().permute(x, order, y);
      EXPECT_EQ(host(y), permuted(host(x), shape, order, to));
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST_P(LayoutTest, PermuteOfALargeMatrixAndOfSixAxes) {
  for (const auto& [shape, order] :
       std::vector<std::pair<Shape, std::vector<int>>>{{{517, 301}, {1, 0}},
                                                       {{9, 64, 130}, {0, 2, 1}},
                                                       {{2, 3, 4, 5, 6, 7}, {5, 0, 3, 1, 4, 2}}}) {
    std::vector<std::int64_t> sizes;
    for (const int axis : order) sizes.push_back(shape[axis]);
    const Shape to{std::span<const std::int64_t>(sizes)};
    const Tensor x = normals(shape);
    Tensor y = poisoned(to);
    backend().permute(x, order, y);
    EXPECT_EQ(host(y), permuted(host(x), shape, order, to));
  }
}

TEST_P(LayoutTest, PermuteMovesIndicesToo) {
  Tensor y = poisoned_indices({3, 2});
  backend().permute(upload_indices({1, 2, 3, 4, 5, 6}, {2, 3}), std::vector<int>{1, 0}, y);
  EXPECT_EQ(host(y), (Values{1, 4, 2, 5, 3, 6}));
}

TEST_P(LayoutTest, CopyAlongWritesItsPartAndNothingElse) {
  const Shape from{3, 7, 5}, to{3, 11, 5};
  const Tensor x = normals(from), before = normals(to);
  const Values in = host(x);
  Values expected = host(before);
  for (std::int64_t o = 0; o < 3; ++o)
    for (std::int64_t n = 0; n < 4; ++n)
      for (std::int64_t i = 0; i < 5; ++i)
        expected[static_cast<std::size_t>(flat(to, {o, 6 + n, i}))] =
            in[static_cast<std::size_t>(flat(from, {o, 2 + n, i}))];
  Tensor y = before.clone();
  backend().copy_along(1, x, 2, y, 6, 4);
  EXPECT_EQ(host(y), expected);
  backend().copy_along(1, x, 0, y, 0, 0);
  EXPECT_EQ(host(y), expected);
}

TEST_P(LayoutTest, CopyAlongTheFirstAndTheLastAxisConcatenates) {
  for (const auto& [a, b] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 1}, {31, 33}, {900, 17}}) {
    const Tensor left = normals({41, a}), right = normals({41, b});
    Tensor y = poisoned({41, a + b});
    backend().copy_along(-1, left, 0, y, 0, a);
    backend().copy_along(-1, right, 0, y, a, b);
    Values expected;
    const Values l = host(left), r = host(right);
    for (std::int64_t o = 0; o < 41; ++o) {
      expected.insert(expected.end(), l.begin() + o * a, l.begin() + (o + 1) * a);
      expected.insert(expected.end(), r.begin() + o * b, r.begin() + (o + 1) * b);
    }
    EXPECT_EQ(host(y), expected);
  }
  Tensor rows = poisoned_indices({5});
  backend().copy_along(0, upload_indices({1, 2, 3}), 0, rows, 2, 3);
  backend().copy_along(0, upload_indices({8, 9}), 0, rows, 0, 2);
  EXPECT_EQ(host(rows), (Values{8, 9, 1, 2, 3}));
}

}  // namespace
}  // namespace polder::kernels::testing
