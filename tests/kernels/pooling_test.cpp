#include "kernels/kernel_test.h"

namespace polder::kernels::testing {
namespace {

class PoolingTest : public KernelTest {};
POLDER_ACTIVATION_SUITE(PoolingTest);

struct Case {
  Shape x;
  Window window;
};

const std::vector<Case> kCases = {
    {{1, 1, 1, 1}, {1, 1, 1, 1, 0, 0}},    {{0, 4, 4, 3}, {2, 2, 2, 2, 0, 0}},
    {{2, 5, 7, 3}, {2, 2, 2, 2, 0, 0}},    {{3, 9, 6, 33}, {3, 3, 2, 2, 1, 1}},
    {{2, 6, 8, 5}, {3, 2, 1, 3, 1, 0}},    {{2, 4, 4, 16}, {4, 4, 4, 4, 0, 0}},
    {{5, 24, 24, 32}, {2, 2, 2, 2, 0, 0}}, {{1, 7, 5, 2}, {5, 3, 2, 1, 2, 1}},
    {{2, 33, 35, 37}, {3, 3, 1, 1, 1, 1}}};

Shape output_shape(const Case& c) {
  const Window& w = c.window;
  return {c.x[0], window_outputs(c.x[1], w.kernel_h, w.stride_h, w.padding_h),
          window_outputs(c.x[2], w.kernel_w, w.stride_w, w.padding_w), c.x[3]};
}

/// Calls f(output position, input position) over every window and tap that lies inside the image.
template <class F>
void for_products(const Case& c, F&& f) {
  const Shape y = output_shape(c);
  const Window& w = c.window;
  for (std::int64_t n = 0; n < y[0]; ++n)
    for (std::int64_t i = 0; i < y[1]; ++i)
      for (std::int64_t j = 0; j < y[2]; ++j)
        for (std::int64_t kh = 0; kh < w.kernel_h; ++kh)
          for (std::int64_t kw = 0; kw < w.kernel_w; ++kw)
            for (std::int64_t ch = 0; ch < y[3]; ++ch) {
              const std::int64_t row = i * w.stride_h - w.padding_h + kh;
              const std::int64_t column = j * w.stride_w - w.padding_w + kw;
              if (row < 0 || row >= c.x[1] || column < 0 || column >= c.x[2]) continue;
              f(static_cast<std::size_t>(((n * y[1] + i) * y[2] + j) * y[3] + ch),
                static_cast<std::size_t>(((n * c.x[1] + row) * c.x[2] + column) * y[3] + ch));
            }
}

TEST_P(PoolingTest, MaxPoolFindsValueAndPosition) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(to_string(c.x));
    const Shape shape = output_shape(c);
    const Tensor x = normals(c.x);
    const Values in = host(x);
    std::vector<std::int64_t> best(static_cast<std::size_t>(shape.numel()), -1);
    for_products(c, [&](std::size_t o, std::size_t i) {
      if (best[o] < 0 || in[i] > in[static_cast<std::size_t>(best[o])])
        best[o] = static_cast<std::int64_t>(i);
    });
    Values expected;
    for (const std::int64_t i : best) expected.push_back(in[static_cast<std::size_t>(i)]);
    Tensor y = poisoned(shape), index = poisoned_indices(shape);
    backend().max_pool(x, c.window, y, index);
    EXPECT_EQ(host(y), expected);
    EXPECT_EQ(index.to_vector<std::int64_t>(), best);
  }
}

TEST_P(PoolingTest, MaxPoolTakesTheFirstOfEqualValues) {
  for (const Case& c : kCases) {
    if (c.x.numel() == 0) continue;
    const Shape shape = output_shape(c);
    std::vector<std::int64_t> first(static_cast<std::size_t>(shape.numel()), -1);
    for_products(c, [&](std::size_t o, std::size_t i) {
      if (first[o] < 0) first[o] = static_cast<std::int64_t>(i);
    });
    // Padding never wins, not even against minus infinity.
    for (const double level : {0.0, -1e30, -std::numeric_limits<double>::infinity()}) {
      Tensor x = poisoned(c.x), y = poisoned(shape), index = poisoned_indices(shape);
      backend().fill(level, x);
      backend().max_pool(x, c.window, y, index);
      EXPECT_EQ(host(y), Values(first.size(), host(x)[0]));
      EXPECT_EQ(index.to_vector<std::int64_t>(), first);
    }
  }
}

TEST_P(PoolingTest, MaxPoolLetsNotANumberWin) {
  const Tensor x = upload({1, 2, std::nan(""), 9}, {1, 2, 2, 1});
  Tensor y = poisoned({1, 1, 1, 1}), index = poisoned_indices({1, 1, 1, 1});
  backend().fill(0.0, y);
  backend().max_pool(x, {2, 2, 2, 2, 0, 0}, y, index);
  EXPECT_TRUE(std::isnan(host(y)[0]));
  EXPECT_EQ(host(index), Values{2});
}

TEST_P(PoolingTest, AveragePoolCountsPaddingAsZero) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(to_string(c.x));
    const Shape shape = output_shape(c);
    const Tensor x = normals(c.x);
    const Values in = host(x);
    const double area = static_cast<double>(c.window.kernel_h * c.window.kernel_w);
    Values expected(static_cast<std::size_t>(shape.numel()));
    for_products(c, [&](std::size_t o, std::size_t i) { expected[o] += in[i] / area; });
    Tensor y = poisoned(shape);
    backend().average_pool(x, c.window, y);
    expect_close(y, expected, {.terms = area, .size = 4 / area});
  }
}

TEST_P(PoolingTest, AveragePoolBackwardIsItsAdjoint) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(to_string(c.x));
    const Tensor dy = normals(output_shape(c));
    const Values gradient = host(dy);
    const double area = static_cast<double>(c.window.kernel_h * c.window.kernel_w);
    Values expected(static_cast<std::size_t>(c.x.numel()));
    for_products(c, [&](std::size_t o, std::size_t i) { expected[i] += gradient[o] / area; });
    Tensor dx = poisoned(c.x);
    backend().average_pool_backward(dy, c.window, dx);
    expect_close(dx, expected, {.terms = area, .size = 4 / area});
  }
}

}  // namespace
}  // namespace polder::kernels::testing
