#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "polder/nn/normalization.h"
#include "support.h"

namespace polder::nn {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::Pointwise;

constexpr std::size_t kChannels = 3;

struct Channel {
  double mean, biased, unbiased;
};

/// Plain two-pass moments of each channel.
std::vector<Channel> channels_of(const Tensor& x) {
  const auto values = x.to_vector<double>();
  const auto rows = static_cast<double>(values.size() / kChannels);
  std::vector<Channel> all(kChannels);
  for (std::size_t i = 0; i < values.size(); ++i) all[i % kChannels].mean += values[i] / rows;
  for (std::size_t i = 0; i < values.size(); ++i)
    all[i % kChannels].biased += std::pow(values[i] - all[i % kChannels].mean, 2) / rows;
  for (Channel& channel : all) channel.unbiased = channel.biased * rows / (rows - 1.0);
  return all;
}

class BatchNormTest : public testing::Test {
 protected:
  BatchNormTest() {
    for (const Parameter& parameter : layer_.parameters())
      parameter.variable.value().copy_from(normal_tensor({kChannels}, parameter.name));
  }
  std::vector<double> run(const Tensor& x, Pass pass) {
    return layer_.forward(Variable(x), pass).value().to_vector<double>();
  }
  std::vector<double> buffer(const char* name) const {
    return buffer_of(layer_, name).to_vector<double>();
  }
  /// gamma (x - mean) / sqrt(variance + 1e-5) + beta, channel by channel.
  std::vector<double> normalised(const Tensor& x, const std::vector<double>& mean,
                                 const std::vector<double>& variance) const {
    const auto gamma = parameter_of(layer_, "gamma").value().to_vector<double>();
    const auto beta = parameter_of(layer_, "beta").value().to_vector<double>();
    auto values = x.to_vector<double>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t c = i % kChannels;
      values[i] = gamma[c] * (values[i] - mean[c]) / std::sqrt(variance[c] + 1e-5) + beta[c];
    }
    return values;
  }

  BatchNorm layer_{Build{.dtype = DType::float64}, kChannels};
  Tensor x_ = normal_tensor({4, 2, 5, kChannels}, "x");
};

TEST_F(BatchNormTest, TrainingNormalisesWithTheBatch) {
  std::vector<double> mean, variance;
  for (const Channel& channel : channels_of(x_)) {
    mean.push_back(channel.mean);
    variance.push_back(channel.biased);
  }
  const auto wanted = normalised(x_, mean, variance);
  EXPECT_THAT(run(x_, {}), Pointwise(DoubleNear(1e-12), wanted));
  EXPECT_THAT(run(x_.reshape({40, kChannels}), {}), Pointwise(DoubleNear(1e-12), wanted));
}

TEST_F(BatchNormTest, StatisticsMoveOnlyWhenTold) {
  run(x_, {.training = true, .move_statistics = false});
  run(x_, {.training = false, .move_statistics = true});
  EXPECT_THAT(buffer("running_mean"), Each(0.0));
  EXPECT_THAT(buffer("running_variance"), Each(1.0));

  const Tensor other = normal_tensor({6, kChannels}, "other");
  std::vector<double> mean(kChannels, 0.0), variance(kChannels, 1.0);
  for (const Tensor& batch : {x_, other}) {
    run(batch, {.training = true, .move_statistics = true});
    const auto channels = channels_of(batch);
    for (std::size_t c = 0; c < kChannels; ++c) {
      mean[c] = 0.9 * mean[c] + 0.1 * channels[c].mean;
      variance[c] = 0.9 * variance[c] + 0.1 * channels[c].unbiased;
    }
  }
  EXPECT_THAT(buffer("running_mean"), Pointwise(DoubleNear(1e-12), mean));
  EXPECT_THAT(buffer("running_variance"), Pointwise(DoubleNear(1e-12), variance));
}

TEST_F(BatchNormTest, EvaluationReadsTheRunningStatistics) {
  for (int i = 0; i < 3; ++i) run(x_, {});
  const auto mean = buffer("running_mean"), variance = buffer("running_variance");
  const Tensor one = normal_tensor({1, kChannels}, "one");
  const auto wanted = normalised(one, mean, variance);
  EXPECT_THAT(run(one, {.training = false}), Pointwise(DoubleNear(1e-12), wanted));
  EXPECT_EQ(buffer("running_mean"), mean);
}

TEST_F(BatchNormTest, RefusesToMeasureASingleValue) {
  EXPECT_EQ(error_of([&] {
              run(normal_tensor({1, kChannels}, "one"), {});
            }),
            "BatchNorm: input [1, 3] has fewer than 2 values a channel to measure while training");
}

TEST_F(BatchNormTest, StatisticsAreBuffersAndWeightsTellTheirKind) {
  ASSERT_EQ(layer_.parameters().size(), 2U);
  EXPECT_EQ(layer_.parameters()[0].kind, SegmentKind::norm_scale);
  EXPECT_EQ(layer_.parameters()[1].kind, SegmentKind::norm_shift);
  EXPECT_EQ(layer_.buffers().size(), 2U);
  EXPECT_EQ(layer_.buffers()[0].tensor.dtype(), DType::float64);
}

}  // namespace
}  // namespace polder::nn
