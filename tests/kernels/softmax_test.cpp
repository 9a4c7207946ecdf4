#include "kernels/kernel_test.h"

namespace polder::kernels::testing {
namespace {

class SoftmaxTest : public KernelTest {};
POLDER_ACTIVATION_SUITE(SoftmaxTest);

const std::vector<Shape> kShapes = {{0, 5},   {1, 1},    {3, 2},     {31, 10},
                                    {33, 33}, {70, 600}, {2, 40001}, {3000, 17}};

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }
std::size_t columns(const Shape& shape) { return size(shape[1]); }

/// log softmax of every row, as x - log sum exp x around the largest.
Values log_softmax_of(const Values& x, std::size_t n) {
  Values y(x.size());
  for (std::size_t first = 0; first < x.size(); first += n) {
    double best = x[first];
    for (std::size_t i = 0; i < n; ++i) best = std::max(best, x[first + i]);
    long double sum = 0;
    for (std::size_t i = 0; i < n; ++i)
      sum += std::exp(static_cast<long double>(x[first + i] - best));
    for (std::size_t i = 0; i < n; ++i)
      y[first + i] = static_cast<double>(x[first + i] - best - std::log(sum));
  }
  return y;
}

Values exponentials(Values x) {
  for (double& value : x) value = std::exp(value);
  return x;
}

TEST_P(SoftmaxTest, MatchesTheFormula) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(to_string(shape));
    const Tensor x = uniforms(shape, -5, 5);
    const Values logs = log_softmax_of(host(x), columns(shape));
    Tensor y = poisoned(shape), log_y = poisoned(shape);
    backend().softmax(x, y);
    expect_close(y, exponentials(logs), {.terms = 0});
    backend().log_softmax(x, log_y);
    expect_close(log_y, logs, {.size = 10});
  }
}

TEST_P(SoftmaxTest, HugeLogitsStayFinite) {
  if (dtype() == DType::bfloat16) GTEST_SKIP() << "bfloat16 rounds 10000 and 9999 to one number";
  const Tensor x = upload({1e4, 1e4 - 1, -1e4, 3e38, 3e38, -3e38}, {2, 3});
  Tensor y = poisoned({2, 3}), log_y = poisoned({2, 3}), losses = poisoned({2});
  backend().softmax(x, y);
  const double one = 1 / (1 + std::exp(-1.0));
  expect_close(y, {one, 1 - one, 0, 0.5, 0.5, 0}, {.size = 0.1});
  backend().log_softmax(x, log_y);
  EXPECT_NEAR(host(log_y)[0], std::log(one), 1e-3);
  backend().cross_entropy(x, upload_indices({2, 0}), 0.0, losses);
  expect_close(losses, {2e4 - std::log(one), std::log(2.0)}, {.size = 1});
}

TEST_P(SoftmaxTest, MinusInfinityIsAnImpossibleClass) {
  const double infinity = std::numeric_limits<double>::infinity();
  Tensor y = poisoned({1, 3});
  backend().softmax(upload({0.0, -infinity, 0.0}, {1, 3}), y);
  EXPECT_EQ(host(y), (Values{0.5, 0, 0.5}));
}

TEST_P(SoftmaxTest, BackwardMatchesTheJacobian) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(to_string(shape));
    const std::size_t n = columns(shape);
    const Tensor x = uniforms(shape, -5, 5), dy = normals(shape);
    Tensor y = poisoned(shape), log_y = poisoned(shape);
    backend().softmax(x, y);
    backend().log_softmax(x, log_y);
    const Values value = host(y), logs = host(log_y), gradient = host(dy);
    Values dx(value.size()), log_dx(value.size());
    for (std::size_t first = 0; first < value.size(); first += n) {
      double mean = 0, sum = 0;
      for (std::size_t i = first; i < first + n; ++i) {
        mean += value[i] * gradient[i];
        sum += gradient[i];
      }
      for (std::size_t i = first; i < first + n; ++i) {
        dx[i] = value[i] * (gradient[i] - mean);
        log_dx[i] = gradient[i] - std::exp(logs[i]) * sum;
      }
    }
    Tensor out = poisoned(shape);
    backend().softmax_backward(y, dy, out);
    expect_close(out, dx);
    backend().fill(std::nan(""), out);
    backend().log_softmax_backward(log_y, dy, out);
    expect_close(out, log_dx, {.size = 20});
  }
}

TEST_P(SoftmaxTest, CrossEntropyIsTheMeanLogLossOfTheSmoothedTarget) {
  for (const double smoothing : {0.0, 0.1})
    for (const Shape& shape : kShapes) {
      SCOPED_TRACE(to_string(shape));
      const std::size_t n = columns(shape), rows = size(shape[0]);
      const Tensor x = uniforms(shape, -5, 5), dlosses = wide_normals({shape[0]});
      const Indices labels = draw_indices(shape[0], shape[1]);
      const Values logs = log_softmax_of(host(x), n), gradient = host(dlosses);
      Values expected(rows), dx(logs.size());
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < n; ++c) {
          const double hot = static_cast<std::int64_t>(c) == labels[r] ? 1.0 - smoothing : 0.0;
          const double target = hot + smoothing / static_cast<double>(n);
          expected[r] -= target * logs[r * n + c];
          dx[r * n + c] = (std::exp(logs[r * n + c]) - target) * gradient[r];
        }
      Tensor losses = wide_poisoned({shape[0]}), out = poisoned(shape);
      backend().cross_entropy(x, upload_indices(labels), smoothing, losses);
      expect_close(losses, expected, {.size = 10});
      backend().cross_entropy_backward(x, upload_indices(labels), smoothing, dlosses, out);
      expect_close(out, dx, {.size = 4});
    }
}

TEST_P(SoftmaxTest, CrossEntropyOfACertainAnswerKeepsItsSmallLoss) {
  // log(1 + e^-30): a float32 sum would round it to 0.
  Tensor losses = wide_poisoned({1});
  backend().cross_entropy(upload({15, -15}, {1, 2}), upload_indices({0}), 0.0, losses);
  expect_close(losses, {std::log1p(std::exp(-30.0))},
               {.size = 1e-3 * std::exp(-30.0) / unit(losses.dtype())});
}

TEST_P(SoftmaxTest, LabelsOutOfRangeAreRefusedByName) {
  if (device().type != DeviceType::cpu) GTEST_SKIP() << "only the cpu can throw";
  Tensor losses = wide_poisoned({2});
  const Tensor logits = normals({2, 10});
  EXPECT_EQ(error_of([&] {
              backend().cross_entropy(logits, upload_indices({3, 10}), 0.0, losses);
            }),
            "cross_entropy: label 10 at position 1, wanted one in [0, 10)");
}

TEST_P(SoftmaxTest, LabelsOutOfRangeAreNotANumberOnADevice) {
  if (device().type == DeviceType::cpu) GTEST_SKIP() << "the cpu throws";
  for (const std::int64_t n : {10, 700}) {
    const Tensor x = normals({3, n}), dlosses = upload_wide({1, 1, 1});
    const Tensor labels = upload_indices({-1, 3, n});
    Tensor losses = upload_wide({0, 0, 0}), dx = upload(Values(size(3 * n)), {3, n});
    backend().cross_entropy(x, labels, 0.1, losses);
    backend().cross_entropy_backward(x, labels, 0.1, dlosses, dx);
    const Values loss = host(losses), gradient = host(dx);
    for (std::size_t r = 0; r < 3; ++r) EXPECT_EQ(std::isnan(loss[r]), r != 1) << "row " << r;
    for (std::size_t i = 0; i < gradient.size(); ++i)
      EXPECT_EQ(std::isnan(gradient[i]), i / size(n) != 1) << "element " << i << " of n = " << n;
  }
}

}  // namespace
}  // namespace polder::kernels::testing
