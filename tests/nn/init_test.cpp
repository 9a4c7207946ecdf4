#include "polder/nn/init.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "polder/nn/linear.h"
#include "polder/nn/sequential.h"
#include "support.h"

namespace polder::nn {
namespace {

struct Moments {
  double mean, deviation, low, high;
};

Moments moments_of(const Tensor& x) {
  const auto values = x.to_vector<double>();
  const auto n = static_cast<double>(values.size());
  double sum = 0.0, squares = 0.0;
  for (const double v : values) sum += v;
  for (const double v : values) squares += (v - sum / n) * (v - sum / n);
  const auto [low, high] = std::ranges::minmax(values);
  return {sum / n, std::sqrt(squares / n), low, high};
}

struct Scheme {
  const char* name;
  init::Initialiser fill;
  double deviation;
  double bound;  // largest |x| possible, 0: none
};

// OHWI weight with 3 x 5 windows: fan_in = 15 * 40 = 600, fan_out = 15 * 90 = 1350.
const Shape kWeight{90, 3, 5, 40};
constexpr double kIn = 600.0, kOut = 1350.0;

std::vector<Scheme> schemes() {
  using namespace init;
  // Deviation of a standard normal cut at +-b: sqrt(1 - 2 b phi(b) / (2 Phi(b) - 1)).
  const double b = 1.5, phi = std::exp(-b * b / 2) / std::sqrt(2 * std::numbers::pi);
  const double cut = std::sqrt(1.0 - 2.0 * b * phi / std::erf(b / std::numbers::sqrt2));
  const double half = std::sqrt(1.0 / 3.0);  // deviation of a uniform on (-1, 1)
  return {
      {"uniform", uniform(-0.5, 0.5), 0.5 * half, 0.5},
      {"normal", init::normal(0.0, 0.3), 0.3, 0.0},
      {"truncated_normal", truncated_normal(0.0, 2.0, b), 2.0 * cut, 3.0},
      {"xavier_uniform", xavier_uniform(2.0), 2.0 * std::sqrt(2.0 / (kIn + kOut)),
       2.0 * std::sqrt(6.0 / (kIn + kOut))},
      {"xavier_normal", xavier_normal(), std::sqrt(2.0 / (kIn + kOut)), 0.0},
      {"kaiming_uniform", kaiming_uniform(), std::sqrt(2.0 / kIn), std::sqrt(6.0 / kIn)},
      {"kaiming_uniform_out", kaiming_uniform(1.0, Fan::out), std::sqrt(1.0 / kOut),
       std::sqrt(3.0 / kOut)},
      {"kaiming_normal", kaiming_normal(), std::sqrt(2.0 / kIn), 0.0},
      {"kaiming_normal_out", kaiming_normal(1.0, Fan::out), std::sqrt(1.0 / kOut), 0.0},
  };
}

TEST(Init, MomentsFollowTheFormulas) {
  for (const Scheme& scheme : schemes()) {
    SCOPED_TRACE(scheme.name);
    const Build build{.seed = 5, .dtype = DType::float64};
    const Moments found = moments_of(init::draw(build, "weight", kWeight, scheme.fill));
    // 54 000 draws: the mean errs by deviation / 232, the deviation by less than half a percent.
    EXPECT_NEAR(found.mean, 0.0, 5.0 * scheme.deviation / 232.0);
    EXPECT_NEAR(found.deviation / scheme.deviation, 1.0, 0.015);
    if (scheme.bound > 0.0) {
      EXPECT_LE(std::max(-found.low, found.high), scheme.bound);
      EXPECT_GE(std::min(-found.low, found.high), 0.99 * scheme.bound);
    }
  }
}

TEST(Init, ConstantsFillEverything) {
  EXPECT_THAT(init::draw({}, "beta", {3}, init::zeros()).to_vector<float>(), testing::Each(0.0F));
  EXPECT_THAT(init::draw({}, "gamma", {3}, init::ones()).to_vector<float>(), testing::Each(1.0F));
}

TEST(Init, Float32HoldsTheRoundedFloat64Numbers) {
  for (const Scheme& scheme : schemes()) {
    SCOPED_TRACE(scheme.name);
    const auto wide = init::draw({.dtype = DType::float64}, "w", {7, 9}, scheme.fill);
    const auto narrow = init::draw({.dtype = DType::float32}, "w", {7, 9}, scheme.fill);
    std::vector<float> rounded;
    for (const double v : wide.to_vector<double>()) rounded.push_back(static_cast<float>(v));
    EXPECT_EQ(narrow.to_vector<float>(), rounded);
  }
}

TEST(Init, EveryNameAndSeedHasItsOwnStream) {
  const auto draw = [](std::uint64_t seed, const char* name) {
    return init::draw({.seed = seed, .dtype = DType::float64}, name, {10000},
                      init::normal(0.0, 1.0))
        .to_vector<double>();
  };
  const auto correlation = [](const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum / static_cast<double>(a.size());
  };
  EXPECT_EQ(draw(1, "fc1.weight"), draw(1, "fc1.weight"));
  EXPECT_NEAR(correlation(draw(1, "fc1.weight"), draw(1, "fc2.weight")), 0.0, 0.05);
  EXPECT_NEAR(correlation(draw(1, "fc1.weight"), draw(2, "fc1.weight")), 0.0, 0.05);
}

TEST(Init, AddingALayerMovesNoOtherLayersNumbers) {
  Sequential shallow(Build{.seed = 3});
  shallow.add<Linear>("fc2", 4, 2);
  Sequential deep(Build{.seed = 3});
  deep.add<Linear>("fc1", 4, 4);
  deep.add<Linear>("fc2", 4, 2);
  EXPECT_EQ(parameter_of(deep, "fc2.weight").value().to_vector<float>(),
            parameter_of(shallow, "fc2.weight").value().to_vector<float>());
}

TEST(Init, NestedLayersDrawUnderTheirFullName) {
  const Build build{.seed = 3};
  Linear nested(build.in("head").in("fc"), 4, 2);
  EXPECT_EQ(parameter_of(nested, "weight").value().to_vector<float>(),
            init::draw(build, "head.fc.weight", {2, 4}, init::kaiming_normal()).to_vector<float>());
}

TEST(Init, RefusesShapesWithoutFans) {
  EXPECT_EQ(error_of([] { init::draw({}, "b", {5}, init::xavier_uniform()); }),
            "xavier_uniform: shape [5] has no fans, wanted [out, in] or [out, Kh, Kw, in]");
  EXPECT_EQ(error_of([] { init::truncated_normal(0.0, 1.0, 0.0); }),
            "truncated_normal: bound 0, wanted a positive number");
}

}  // namespace
}  // namespace polder::nn
