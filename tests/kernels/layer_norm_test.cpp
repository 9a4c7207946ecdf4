#include "kernels/kernel_test.h"

namespace polder::kernels::testing {
namespace {

class LayerNormTest : public KernelTest {
 protected:
  static constexpr double kEpsilon = 1e-5;
  struct Result {
    Tensor y, mean, inv_std;
  };
  Result normalise(const Tensor& x, const Tensor& gamma, const Tensor& beta) {
    const Shape rows{x.size(0)};
    Result result{poisoned(x.shape()), wide_poisoned(rows), wide_poisoned(rows)};
    backend().layer_norm(x, gamma, beta, kEpsilon, result.y, result.mean, result.inv_std);
    return result;
  }
};
POLDER_ACTIVATION_SUITE(LayerNormTest);

const std::vector<Shape> kShapes = {{0, 4},    {1, 1},     {1, 5},     {3, 2},    {31, 33},
                                    {70, 600}, {1000, 16}, {3, 40000}, {900, 129}};

struct Truth {
  Values mean, inv_std;
};

Truth truth_of(const Values& x, std::size_t rows, std::size_t n, double epsilon) {
  Truth truth;
  for (std::size_t r = 0; r < rows; ++r) {
    long double sum = 0, squares = 0;
    for (std::size_t i = 0; i < n; ++i) sum += x[r * n + i];
    const long double mean = sum / static_cast<long double>(n);
    for (std::size_t i = 0; i < n; ++i) squares += (x[r * n + i] - mean) * (x[r * n + i] - mean);
    truth.mean.push_back(static_cast<double>(mean));
    truth.inv_std.push_back(
        1 / std::sqrt(static_cast<double>(squares / static_cast<long double>(n)) + epsilon));
  }
  return truth;
}

TEST_P(LayerNormTest, MatchesTheFormula) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(to_string(shape));
    const std::size_t rows = static_cast<std::size_t>(shape[0]);
    const std::size_t n = static_cast<std::size_t>(shape[1]);
    const Tensor x = normals(shape);
    const Tensor gamma = wide_normals({shape[1]}), beta = wide_normals({shape[1]});
    const Values in = host(x), weight = host(gamma), bias = host(beta);
    const Truth truth = truth_of(in, rows, n, kEpsilon);
    Values expected;
    for (std::size_t i = 0; i < in.size(); ++i)
      expected.push_back((in[i] - truth.mean[i / n]) * truth.inv_std[i / n] * weight[i % n] +
                         bias[i % n]);
    const Result found = normalise(x, gamma, beta);
    expect_close(found.mean, truth.mean);
    expect_close(found.inv_std, truth.inv_std, {.terms = 0});
    const double steepest =
        rows == 0 ? 0 : *std::max_element(truth.inv_std.begin(), truth.inv_std.end());
    expect_close(found.y, expected, {.size = 8 * (1 + steepest)});
  }
}

TEST_P(LayerNormTest, VarianceSurvivesAMeanFarFromZero) {
  Values values = host(normals({20, 777}));
  for (double& value : values) value = 1000 + 0.5 * value;
  const Tensor x = upload(values, {20, 777});
  const Truth truth = truth_of(host(x), 20, 777, kEpsilon);
  const Result found = normalise(x, upload_wide(Values(777, 1.0)), upload_wide(Values(777, 0.0)));
  expect_close(found.mean, truth.mean, {.terms = 0});
  expect_close(found.inv_std, truth.inv_std, {.terms = 0});
}

TEST_P(LayerNormTest, BackwardMatchesTheFormula) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(to_string(shape));
    const std::size_t rows = static_cast<std::size_t>(shape[0]);
    const std::size_t n = static_cast<std::size_t>(shape[1]);
    const Tensor x = normals(shape), gamma = wide_normals({shape[1]}), dy = normals(shape);
    const Result forward = normalise(x, gamma, gamma);
    const Values in = host(x), weight = host(gamma), gradient = host(dy);
    const Values mean = host(forward.mean), inv_std = host(forward.inv_std);
    Values dgamma(n), dbeta(n), dx(in.size());
    double steepest = 1;
    for (std::size_t r = 0; r < rows; ++r) {
      double average = 0, slope = 0;
      const auto normalised = [&](std::size_t i) { return (in[r * n + i] - mean[r]) * inv_std[r]; };
      for (std::size_t i = 0; i < n; ++i) {
        const double scaled = gradient[r * n + i] * weight[i];
        average += scaled / static_cast<double>(n);
        slope += scaled * normalised(i) / static_cast<double>(n);
        dgamma[i] += gradient[r * n + i] * normalised(i);
        dbeta[i] += gradient[r * n + i];
      }
      for (std::size_t i = 0; i < n; ++i)
        dx[r * n + i] =
            inv_std[r] * (gradient[r * n + i] * weight[i] - average - normalised(i) * slope);
      steepest = std::max(steepest, inv_std[r]);
    }
    Tensor out = poisoned(shape);
    Tensor scale = wide_poisoned({shape[1]}), shift = wide_poisoned({shape[1]});
    backend().layer_norm_backward(x, gamma, forward.mean, forward.inv_std, dy, out, scale, shift);
    expect_close(scale, dgamma, {.terms = static_cast<double>(rows), .size = 2 * steepest});
    expect_close(shift, dbeta, {.terms = static_cast<double>(rows)});
    expect_close(out, dx, {.size = 10 * steepest});
  }
}

}  // namespace
}  // namespace polder::kernels::testing
