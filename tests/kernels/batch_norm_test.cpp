#include "kernels/kernel_test.h"

namespace polder::kernels::testing {
namespace {

/// Per-channel statistics of [rows, C] by two passes in long double.
struct Statistics {
  Values mean, variance;
};

Statistics statistics(const Values& x, std::size_t rows, std::size_t channels) {
  Statistics result{Values(channels), Values(channels)};
  for (std::size_t c = 0; c < channels; ++c) {
    long double sum = 0, squares = 0;
    for (std::size_t r = 0; r < rows; ++r) sum += x[r * channels + c];
    const long double mean = sum / static_cast<long double>(rows);
    for (std::size_t r = 0; r < rows; ++r) {
      const long double deviation = x[r * channels + c] - mean;
      squares += deviation * deviation;
    }
    result.mean[c] = static_cast<double>(mean);
    result.variance[c] = static_cast<double>(squares / static_cast<long double>(rows));
  }
  return result;
}

/// The relative error of a mean of positive terms grows like the square root of their number.
Rounding moments(std::int64_t rows) {
  const double terms = static_cast<double>(rows);
  return {.terms = terms, .size = 1 / std::sqrt(terms)};
}

class BatchNormTest : public KernelTest {
 protected:
  static constexpr double kEpsilon = 1e-5;
  struct Result {
    Tensor y, mean, inv_std;
  };
  Result normalise(const Tensor& x, const Tensor& gamma, const Tensor& beta) {
    const Shape channels{gamma.numel()};
    Result result{poisoned(x.shape()), wide_poisoned(channels), wide_poisoned(channels)};
    backend().batch_norm(x, gamma, beta, kEpsilon, result.y, result.mean, result.inv_std);
    return result;
  }
};
POLDER_ACTIVATION_SUITE(BatchNormTest);

const std::vector<Shape> kShapes = {{1, 1},     {1, 5},     {2, 3},     {31, 1},    {33, 17},
                                    {1000, 16}, {517, 130}, {40000, 3}, {9000, 64}, {70, 9004}};

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

TEST_P(BatchNormTest, MatchesTheFormula) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(to_string(shape));
    const std::size_t rows = size(shape[0]), channels = size(shape[1]);
    const Tensor x = normals(shape);
    const Tensor gamma = wide_normals({shape[1]}), beta = wide_normals({shape[1]});
    const Values in = host(x), weight = host(gamma), bias = host(beta);
    const Statistics truth = statistics(in, rows, channels);
    Values inv_std, expected;
    for (const double variance : truth.variance)
      inv_std.push_back(1 / std::sqrt(variance + kEpsilon));
    for (std::size_t i = 0; i < in.size(); ++i) {
      const std::size_t c = i % channels;
      expected.push_back((in[i] - truth.mean[c]) * inv_std[c] * weight[c] + bias[c]);
    }
    const Result found = normalise(x, gamma, beta);
    expect_close(found.mean, truth.mean, moments(shape[0]));
    expect_close(found.inv_std, inv_std, moments(shape[0]));
    expect_close(found.y, expected, {.size = 8});
  }
}

TEST_P(BatchNormTest, VarianceSurvivesAMeanFarFromZero) {
  // mean / std = 2000: float32 holds x to 1e-4 of its deviation, and the squares of x swallow it.
  for (const Shape& shape : {Shape{40000, 3}, Shape{3001, 20}}) {
    const double spread = 0.5, level = 1000;
    Values values = host(normals(shape));
    for (double& value : values) value = level + spread * value;
    const Tensor x = upload(values, shape);
    const Statistics truth = statistics(host(x), size(shape[0]), size(shape[1]));
    const Result found = normalise(x, upload_wide(Values(size(shape[1]), 1.0)),
                                   upload_wide(Values(size(shape[1]), 0.0)));
    Values inv_std;
    for (const double variance : truth.variance)
      inv_std.push_back(1 / std::sqrt(variance + kEpsilon));
    expect_close(found.mean, truth.mean, moments(shape[0]));
    expect_close(found.inv_std, inv_std, moments(shape[0]));
  }
}

TEST_P(BatchNormTest, ConstantChannelsGiveTheShift) {
  const Tensor x = upload(Values(300, 7.25), {100, 3});
  const Result found = normalise(x, upload_wide({2, 3, 4}), upload_wide({-1, 0, 1}));
  for (std::size_t i = 0; i < 300; ++i) EXPECT_EQ(host(found.y)[i], (Values{-1, 0, 1})[i % 3]);
  expect_close(found.inv_std, Values(3, 1 / std::sqrt(kEpsilon)), {.terms = 0});
}

TEST_P(BatchNormTest, NotANumberStaysInItsChannel) {
  Values values = host(normals({50, 2}));
  values[20] = std::nan("");
  const Result found = normalise(upload(values, {50, 2}), upload_wide({1, 1}), upload_wide({0, 0}));
  EXPECT_TRUE(std::isnan(host(found.inv_std)[0]));
  EXPECT_TRUE(std::isfinite(host(found.inv_std)[1]));
}

TEST_P(BatchNormTest, BackwardMatchesTheFormula) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(to_string(shape));
    const std::size_t rows = size(shape[0]), channels = size(shape[1]);
    const Tensor x = normals(shape), gamma = wide_normals({shape[1]}), dy = normals(shape);
    const Result forward = normalise(x, gamma, gamma);
    const Values in = host(x), weight = host(gamma), gradient = host(dy);
    const Values mean = host(forward.mean), inv_std = host(forward.inv_std);
    Values dgamma(channels), dbeta(channels), dx(in.size());
    for (std::size_t i = 0; i < in.size(); ++i) {
      const std::size_t c = i % channels;
      dgamma[c] += gradient[i] * (in[i] - mean[c]) * inv_std[c];
      dbeta[c] += gradient[i];
    }
    for (std::size_t i = 0; i < in.size(); ++i) {
      const std::size_t c = i % channels;
      const double normalised = (in[i] - mean[c]) * inv_std[c];
      dx[i] = weight[c] * inv_std[c] *
              (gradient[i] - (dbeta[c] + normalised * dgamma[c]) / static_cast<double>(rows));
    }
    Tensor out = poisoned(shape);
    Tensor scale = wide_poisoned({shape[1]}), shift = wide_poisoned({shape[1]});
    backend().batch_norm_backward(x, gamma, forward.mean, forward.inv_std, dy, out, scale, shift);
    // With few rows the deviation, and so 1 / std, may be as large as 1 / sqrt(epsilon).
    const double steepest = *std::max_element(inv_std.begin(), inv_std.end());
    expect_close(scale, dgamma, {.terms = static_cast<double>(rows), .size = 4});
    expect_close(shift, dbeta, {.terms = static_cast<double>(rows)});
    expect_close(out, dx, {.size = 10 * steepest});
  }
}

TEST_P(BatchNormTest, TrackMovesRunningStatistics) {
  const std::int64_t rows = 12;
  const Tensor x = normals({rows, 5});
  const Tensor one = upload_wide(Values(5, 1.0)), zero = upload_wide(Values(5, 0.0));
  const Result batch = normalise(x, one, zero);
  Tensor mean = wide_normals({5}), variance = upload_wide(host(uniforms({5}, 0.5, 2)));
  const Statistics truth = statistics(host(x), 12, 5);
  Values expected_mean = host(mean), expected_variance = host(variance);
  for (std::size_t c = 0; c < 5; ++c) {
    expected_mean[c] = 0.9 * expected_mean[c] + 0.1 * truth.mean[c];
    expected_variance[c] = 0.9 * expected_variance[c] + 0.1 * truth.variance[c] * 12.0 / 11.0;
  }
  backend().batch_norm_track(batch.mean, batch.inv_std, kEpsilon, 0.1, rows, mean, variance);
  expect_close(mean, expected_mean);
  expect_close(variance, expected_variance);
}

TEST_P(BatchNormTest, TrackOfAConstantChannelIsNotNegative) {
  const Tensor mean = upload_wide({1.0}), inv_std = upload_wide({1 / std::sqrt(kEpsilon)});
  Tensor running_mean = upload_wide({0.0}), running_variance = upload_wide({0.0});
  backend().batch_norm_track(mean, inv_std, kEpsilon, 0.5, 8, running_mean, running_variance);
  EXPECT_GE(host(running_variance)[0], 0.0);
  EXPECT_LE(host(running_variance)[0], 8 * kEpsilon * unit(mean.dtype()));
  backend().batch_norm_track(mean, inv_std, kEpsilon, 0.5, 1, running_mean, running_variance);
  EXPECT_TRUE(std::isfinite(host(running_variance)[0])) << "a single row";
}

}  // namespace
}  // namespace polder::kernels::testing
