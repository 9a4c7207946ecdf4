#include <gtest/gtest.h>

#include "kernels/product_testing.h"

namespace polder::kernels {
namespace {

using testing::ExpectedSums;

struct Case {
  std::int64_t images, h, w, in, out;
  Window window;
  std::int64_t groups = 1;

  std::int64_t out_h() const {
    return window_outputs(h, window.kernel_h, window.stride_h, window.padding_h);
  }
  std::int64_t out_w() const {
    return window_outputs(w, window.kernel_w, window.stride_w, window.padding_w);
  }
  Shape x() const { return {images, h, w, in}; }
  Shape y() const { return {images, out_h(), out_w(), out}; }
  Shape weights() const { return {out, window.kernel_h, window.kernel_w, in / groups}; }
};

void PrintTo(const Case& c, std::ostream* os) {
  const Window& v = c.window;
  *os << fmt::format(
      "{}x{}x{}x{} to {} channels, kernel {}x{}, stride {}x{}, padding {}x{}, {} groups", c.images,
      c.h, c.w, c.in, c.out, v.kernel_h, v.kernel_w, v.stride_h, v.stride_w, v.padding_h,
      v.padding_w, c.groups);
}

/// Calls f(x, w, y) with the flat positions of every term y += x w of the convolution.
template <class F>
void for_each_term(const Case& c, F&& f) {
  const std::int64_t in = c.in / c.groups, out = c.out / c.groups;
  for (std::int64_t n = 0; n < c.images; ++n)
    for (std::int64_t row = 0; row < c.out_h(); ++row)
      for (std::int64_t column = 0; column < c.out_w(); ++column)
        for (std::int64_t o = 0; o < c.out; ++o)
          for (std::int64_t r = 0; r < c.window.kernel_h; ++r)
            for (std::int64_t s = 0; s < c.window.kernel_w; ++s) {
              const std::int64_t h = row * c.window.stride_h + r - c.window.padding_h;
              const std::int64_t w = column * c.window.stride_w + s - c.window.padding_w;
              if (h < 0 || h >= c.h || w < 0 || w >= c.w) continue;
              for (std::int64_t i = 0; i < in; ++i)
                f(((n * c.h + h) * c.w + w) * c.in + o / out * in + i,
                  ((o * c.window.kernel_h + r) * c.window.kernel_w + s) * in + i,
                  ((n * c.out_h() + row) * c.out_w() + column) * c.out + o);
            }
}

/// A convolution with random x, w and dy, and what the back end makes of it.
template <class T>
struct Problem {
  Problem(const Case& a_case, std::mt19937_64& generator)
      : c(a_case),
        x(testing::random_tensor<T>(c.x(), generator)),
        w(testing::random_tensor<T>(c.weights(), generator)),
        dy(testing::random_tensor<T>(c.y(), generator)) {}

  Tensor y() const {
    Tensor y = testing::poisoned<T>(c.y());
    backend_of(kCpu).conv2d(x, w, c.window, c.groups, y);
    return y;
  }
  Tensor dx() const {
    Tensor dx = testing::poisoned<T>(c.x());
    backend_of(kCpu).conv2d_input_gradient(dy, w, c.window, c.groups, dx);
    return dx;
  }
  Tensor dw() const {
    Tensor dw = testing::poisoned<T>(c.weights());
    backend_of(kCpu).conv2d_weight_gradient(x, dy, c.window, c.groups, dw);
    return dw;
  }

  Case c;
  Tensor x, w, dy;
};

template <class T>
void check(const Case& c, std::mt19937_64& generator) {
  SCOPED_TRACE(::testing::PrintToString(c));
  const Problem<T> p(c, generator);
  const auto x = p.x.template to_vector<T>(), w = p.w.template to_vector<T>(),
             dy = p.dy.template to_vector<T>();
  ExpectedSums y(c.y().numel()), dx(c.x().numel()), dw(c.weights().numel());
  for_each_term(c, [&](std::int64_t xi, std::int64_t wi, std::int64_t yi) {
    const double xv = x[static_cast<std::size_t>(xi)], wv = w[static_cast<std::size_t>(wi)],
                 dyv = dy[static_cast<std::size_t>(yi)];
    y.add(yi, xv * wv);
    dx.add(xi, wv * dyv);
    dw.add(wi, xv * dyv);
  });
  testing::expect_sums<T>(p.y(), y);
  testing::expect_sums<T>(p.dx(), dx);
  testing::expect_sums<T>(p.dw(), dw);
}

double inner(const Tensor& a, const Tensor& b) {
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  return sum;
}

constexpr Window square(std::int64_t kernel, std::int64_t stride, std::int64_t padding) {
  return {kernel, kernel, stride, stride, padding, padding};
}

const Case kCases[] = {
    {1, 1, 1, 1, 1, square(1, 1, 0)},
    {3, 5, 7, 3, 4, square(3, 1, 1)},
    {2, 7, 5, 1, 6, square(5, 1, 2)},
    {5, 9, 9, 4, 5, square(3, 2, 1)},
    {4, 8, 8, 6, 3, square(3, 3, 2)},
    {3, 6, 5, 7, 9, square(1, 1, 0)},
    {3, 7, 6, 5, 4, square(1, 2, 0)},
    {2, 4, 4, 3, 5, square(1, 1, 1)},     // a border of zeros round a product
    {2, 2, 3, 4, 3, square(5, 1, 2)},     // kernel larger than the map
    {2, 3, 3, 2, 3, {2, 3, 1, 2, 0, 2}},  // nothing is square
    {3, 6, 7, 3, 2, {3, 2, 2, 1, 1, 0}},
    {2, 4, 4, 2, 3, {2, 2, 3, 3, 0, 0}},  // inputs that no window reads
    {3, 6, 5, 6, 9, square(3, 1, 1), 3},
    {2, 7, 7, 4, 8, square(3, 2, 1), 2},
    {2, 6, 6, 5, 5, square(3, 1, 1), 5},  // depthwise
    {2, 5, 5, 4, 8, square(1, 1, 0), 4},
    {7, 13, 11, 72, 40, square(3, 1, 1)},  // more than one block of rows and of columns
    {6, 15, 12, 75, 33, square(3, 2, 1)},
    {40, 4, 4, 24, 130, square(3, 1, 1)},  // small maps of many images
    {17, 9, 9, 90, 70, square(1, 1, 0)},
};

template <class T>
class Conv2dTest : public ::testing::Test {};
using Floats = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Conv2dTest, Floats);

TYPED_TEST(Conv2dTest, AndItsGradientsAgreeWithNaiveSums) {
  std::mt19937_64 generator(21);
  for (const Case& c : kCases) check<TypeParam>(c, generator);
}

TYPED_TEST(Conv2dTest, AndItsGradientsAgreeWithNaiveSumsOnRandomGeometries) {
  std::random_device entropy;
  const unsigned seed = entropy();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 generator(seed);
  const auto draw = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(generator);
  };
  for (int trial = 0; trial < 30; ++trial) {
    const Window window{draw(1, 4), draw(1, 4), draw(1, 3), draw(1, 3), draw(0, 2), draw(0, 2)};
    const std::int64_t groups = draw(1, 3);
    check<TypeParam>({draw(1, 6), std::max(draw(1, 11), window.kernel_h - 2 * window.padding_h),
                      std::max(draw(1, 11), window.kernel_w - 2 * window.padding_w),
                      groups * draw(1, 7), groups * draw(1, 7), window, groups},
                     generator);
  }
}

TEST(Conv2d, GradientsAreItsAdjoints) {
  std::mt19937_64 generator(22);
  for (const Case& c : kCases) {
    SCOPED_TRACE(::testing::PrintToString(c));
    const Problem<double> p(c, generator);
    const double forward = inner(p.y(), p.dy),
                 scale = std::sqrt(inner(p.y(), p.y()) * inner(p.dy, p.dy));
    EXPECT_NEAR(inner(p.x, p.dx()), forward, 1e-13 * scale);
    EXPECT_NEAR(inner(p.w, p.dw()), forward, 1e-13 * scale);
  }
}

TEST(Conv2d, AnEmptyBatchHasNoWeightGradient) {
  const Window window = square(3, 1, 1);
  Tensor dw = testing::poisoned<float>({4, 3, 3, 2});
  backend_of(kCpu).conv2d_weight_gradient(Tensor::empty({0, 5, 5, 2}), Tensor::empty({0, 5, 5, 4}),
                                          window, 1, dw);
  EXPECT_THAT(dw.to_vector<float>(), ::testing::Each(0.0F));
}

TEST(Conv2d, GivesTheSameBitsForAnyThreadCount) {
  std::mt19937_64 generator(23);
  for (const Case& c : kCases) {
    SCOPED_TRACE(::testing::PrintToString(c));
    const Problem<float> p(c, generator);
    testing::expect_same_bits_for_any_thread_count([&] { return p.y(); });
    testing::expect_same_bits_for_any_thread_count([&] { return p.dx(); });
    testing::expect_same_bits_for_any_thread_count([&] { return p.dw(); });
  }
}

}  // namespace
}  // namespace polder::kernels
