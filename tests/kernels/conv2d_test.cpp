#include "kernels/kernel_test.h"

namespace polder::kernels::testing {
namespace {

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

std::string to_string(const Case& c) {
  const Window& v = c.window;
  return fmt::format("{} x {} to {} channels, kernel {}x{}, stride {}x{}, padding {}x{}, groups {}",
                     c.images, c.x(), c.out, v.kernel_h, v.kernel_w, v.stride_h, v.stride_w,
                     v.padding_h, v.padding_w, c.groups);
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
                f(static_cast<std::size_t>(((n * c.h + h) * c.w + w) * c.in + o / out * in + i),
                  static_cast<std::size_t>(
                      ((o * c.window.kernel_h + r) * c.window.kernel_w + s) * in + i),
                  static_cast<std::size_t>(((n * c.out_h() + row) * c.out_w() + column) * c.out +
                                           o));
            }
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
    {7, 13, 11, 72, 10, square(3, 1, 1)},  // more than one block of rows and of columns
    {6, 15, 12, 75, 33, square(3, 2, 1)},
    {40, 4, 4, 24, 50, square(3, 1, 1)},  // small maps of many images
    {17, 9, 9, 90, 70, square(1, 1, 0)},
    {1, 4, 4, 64, 256, square(3, 1, 1)},  // the outputs are shared out
    {3, 9, 14, 1, 16, square(3, 1, 1)},   // few input channels, outputs that fill vectors
    {2, 5, 11, 3, 48, square(5, 1, 2)},
    {2, 2, 3, 2, 16, square(5, 1, 2)},
    {3, 6, 4, 3, 32, {2, 3, 1, 1, 0, 1}},
    {2, 3, 9, 1, 16, {2, 2, 1, 1, 2, 3}},  // windows that lie on the padding alone
};

/// Work for many tasks: partitions that listened to the number of threads would show.
const Case kLargeCases[] = {
    {64, 16, 16, 16, 24, square(3, 1, 1)}, {33, 17, 15, 20, 48, square(3, 2, 1)},
    {1, 4, 4, 128, 512, square(3, 1, 1)},  {48, 15, 15, 8, 12, square(3, 1, 1), 2},
    {48, 15, 17, 3, 32, square(3, 1, 1)},
};

/// A convolution with random x, w and dy, and what the back end makes of it.
class Conv2dTest : public KernelTest {
 protected:
  struct Problem {
    Case c;
    Tensor x, w, dy;
  };
  Problem problem(const Case& c) {
    return {c, normals(c.x()), normals(c.weights()), normals(c.y())};
  }

  Tensor forward(const Problem& p, std::int64_t start = 0) const {
    Tensor y = copy_at(start, poisoned(p.c.y()));
    backend().conv2d(p.x, p.w, p.c.window, p.c.groups, y);
    return y;
  }
  Tensor input_gradient(const Problem& p, std::int64_t start = 0) const {
    Tensor dx = copy_at(start, poisoned(p.c.x()));
    backend().conv2d_input_gradient(p.dy, p.w, p.c.window, p.c.groups, dx);
    return dx;
  }
  Tensor weight_gradient(const Problem& p, std::int64_t start = 0) const {
    Tensor dw = copy_at(start, wide_poisoned(p.c.weights()));
    backend().conv2d_weight_gradient(p.x, p.dy, p.c.window, p.c.groups, dw);
    return dw;
  }

  /// With arrays that start `start` elements after an aligned address.
  void check(const Case& c, std::int64_t start = 0) {
    SCOPED_TRACE(to_string(c));
    Problem p = problem(c);
    for (Tensor* array : {&p.x, &p.w, &p.dy}) *array = copy_at(start, *array);
    const Values x = host(p.x), w = host(p.w), dy = host(p.dy);
    Values y(dy.size()), dx(x.size()), dw(w.size());
    double terms = 0;
    for_each_term(c, [&](std::size_t xi, std::size_t wi, std::size_t yi) {
      y[yi] += x[xi] * w[wi];
      dx[xi] += w[wi] * dy[yi];
      dw[wi] += x[xi] * dy[yi];
      ++terms;
    });
    const auto terms_of = [&](const Values& sums) {
      return running_sum(terms / static_cast<double>(std::max<std::size_t>(1, sums.size())));
    };
    expect_close(forward(p, start), y, terms_of(y));
    expect_close(input_gradient(p, start), dx, terms_of(dx));
    expect_close(weight_gradient(p, start), dw, terms_of(dw));
  }
};
POLDER_ACTIVATION_SUITE(Conv2dTest);

TEST_P(Conv2dTest, AndItsGradientsAgreeWithNaiveSums) {
  for (const Case& c : kCases) check(c);
}

TEST_P(Conv2dTest, AndItsGradientsAgreeWithNaiveSumsOnRandomGeometries) {
  const auto draw = [&](std::int64_t low, std::int64_t high) {
    return low + draw_indices(1, high - low + 1)[0];
  };
  for (int trial = 0; trial < 30; ++trial) {
    const Window window{draw(1, 4), draw(1, 4), draw(1, 3), draw(1, 3), draw(0, 2), draw(0, 2)};
    const std::int64_t groups = draw(1, 3);
    const std::int64_t h = std::max(draw(1, 11), window.kernel_h - 2 * window.padding_h);
    const std::int64_t w = std::max(draw(1, 11), window.kernel_w - 2 * window.padding_w);
    check({draw(1, 6), h, w, groups * draw(1, 20), groups * draw(1, 7), window, groups});
  }
}

TEST_P(Conv2dTest, TakesArraysThatStartAnywhere) {
  for (const std::int64_t start : {1, 2, 3}) check({2, 8, 8, 16, 32, square(3, 1, 1)}, start);
}

TEST_P(Conv2dTest, GradientsAreItsAdjoints) {
  const auto inner = [](const Tensor& a, const Tensor& b) {
    const Values x = host(a), y = host(b);
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
    return sum;
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(to_string(c));
    const Problem p = problem(c);
    const Tensor y = forward(p);
    const double expected = inner(y, p.dy);
    // Each side rounds by a few units of the product of its own lengths.
    const auto lengths = [&](const Tensor& a, const Tensor& b) {
      return std::sqrt(inner(a, a) * inner(b, b));
    };
    const Tensor dx = input_gradient(p), dw = weight_gradient(p);
    const double here = lengths(y, p.dy), units = 4 * unit(dtype());
    EXPECT_NEAR(inner(p.x, dx), expected, units * (here + lengths(p.x, dx)));
    EXPECT_NEAR(inner(p.w, dw), expected, units * (here + lengths(p.w, dw)));
  }
}

TEST_P(Conv2dTest, AnEmptyBatchHasNoWeightGradient) {
  const Problem p = problem({0, 5, 5, 2, 4, square(3, 1, 1)});
  EXPECT_THAT(host(weight_gradient(p)), ::testing::Each(0.0));
  EXPECT_TRUE(host(forward(p)).empty());
  EXPECT_TRUE(host(input_gradient(p)).empty());
}

TEST_P(Conv2dTest, GivesTheSameBitsForAnyThreadCount) {
  const int before = thread_count();
  for (const Case& c : kLargeCases) {
    SCOPED_TRACE(to_string(c));
    const Problem p = problem(c);
    set_thread_count(1);
    const Tensor y = forward(p), dx = input_gradient(p), dw = weight_gradient(p);
    for (const int count : {2, 3}) {
      set_thread_count(count);
      EXPECT_TRUE(same_bits(forward(p), y)) << count << " threads";
      EXPECT_TRUE(same_bits(input_gradient(p), dx)) << count << " threads";
      EXPECT_TRUE(same_bits(weight_gradient(p), dw)) << count << " threads";
    }
  }
  set_thread_count(before);
}

}  // namespace
}  // namespace polder::kernels::testing
