#include "polder/data/synthetic.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numbers>

#include "data/files.h"
#include "polder/core/random.h"

namespace polder::data {
namespace {

using ::testing::HasSubstr;
using Vector = std::vector<double>;

TEST(Spirals, PointsLieOnTheirArms) {
  const FloatSet set = spirals({.samples = 300, .arms = 3, .turns = 1.5, .noise = 0, .seed = 4});
  EXPECT_EQ(set.classes(), 3);
  EXPECT_EQ(set.sample_shape(), Shape{2});
  double widest = 0;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const double x = set.values(i)[0], y = set.values(i)[1], radius = std::hypot(x, y);
    const double angle =
        2 * std::numbers::pi * (1.5 * radius + static_cast<double>(set.label(i)) / 3);
    EXPECT_EQ(set.label(i), i % 3);
    EXPECT_NEAR(x, radius * std::cos(angle), 2e-6);
    EXPECT_NEAR(y, radius * std::sin(angle), 2e-6);
    widest = std::max(widest, radius);
  }
  EXPECT_GT(widest, 0.97);
  EXPECT_LT(widest, 1.0);
}

TEST(Spirals, NoiseHasItsDeviationAndSeedsDiffer) {
  const SpiralOptions clean{.samples = 20000, .arms = 2, .noise = 0, .seed = 4};
  SpiralOptions noisy = clean;
  noisy.noise = 0.1;
  const FloatSet a = spirals(clean), b = spirals(noisy);
  double squares = 0;
  for (std::int64_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < 2; ++j) {
      const double shift = b.values(i)[j] - a.values(i)[j];
      squares += shift * shift;
    }
  EXPECT_NEAR(squares / 40000, 0.01, 5 * 0.01 * std::sqrt(2.0 / 40000));
  SpiralOptions other = clean;
  other.seed = 5;
  EXPECT_NE(spirals(other).values(0)[0], a.values(0)[0]);
  EXPECT_THAT(error_of([] { spirals({.samples = 2, .arms = 3}); }), HasSubstr("3 arms"));
}

Valley wide_valley() { return {.dimension = 4, .barrier = 0.3, .sharp = 50, .flat = 0.5}; }

Vector point(std::uint64_t seed) {
  Vector w(4);
  for (std::size_t i = 0; i < 4; ++i) w[i] = normal(random_key(seed, "valley_test"), i);
  return w;
}

TEST(Valley, BothMinimaHaveLossZeroAndTheirCurvatures) {
  const Valley valley = wide_valley();
  for (const double x : {-1.0, 1.0}) {
    const Vector w{x, 0, 0, 0};
    EXPECT_NEAR(valley_loss(valley, w), 0, 1e-15);
    Vector gradient(4), product(4);
    valley_gradient(valley, w, {}, gradient);
    for (const double value : gradient) EXPECT_NEAR(value, 0, 1e-15);
    for (std::size_t i = 0; i < 4; ++i) {
      Vector axis(4, 0.0);
      axis[i] = 1;
      valley_hessian_product(valley, w, axis, product);
      const double eigenvalue = i == 0 ? 8 * 0.3 : x < 0 ? 50 : 0.5;
      for (std::size_t j = 0; j < 4; ++j) EXPECT_NEAR(product[j], i == j ? eigenvalue : 0, 1e-12);
    }
  }
  EXPECT_NEAR(valley_loss(valley, Vector(4, 0.0)), 0.3, 1e-15);
}

TEST(Valley, GradientIsTheSlopeOfTheLoss) {
  const Valley valley = wide_valley();
  const std::vector<float> noise{0.5F, -1.0F, 2.0F, 0.25F};
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Vector w = point(seed);
    Vector gradient(4, std::nan(""));
    valley_gradient(valley, w, noise, gradient);
    for (std::size_t i = 0; i < 4; ++i) {
      const double h = 1e-5;
      Vector up = w, down = w;
      up[i] += h;
      down[i] -= h;
      const double slope =
          (valley_loss(valley, up, noise) - valley_loss(valley, down, noise)) / (2 * h);
      EXPECT_NEAR(gradient[i], slope, 1e-7 * (1 + std::abs(slope))) << "seed " << seed;
    }
  }
}

TEST(Valley, HessianProductIsTheSlopeOfTheGradient) {
  const Valley valley = wide_valley();
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Vector w = point(seed), v = point(seed + 100);
    Vector product(4, std::nan("")), up(4), down(4), ahead = w, behind = w;
    valley_hessian_product(valley, w, v, product);
    const double h = 1e-5;
    for (std::size_t i = 0; i < 4; ++i) {
      ahead[i] += h * v[i];
      behind[i] -= h * v[i];
    }
    valley_gradient(valley, ahead, {}, up);
    valley_gradient(valley, behind, {}, down);
    for (std::size_t i = 0; i < 4; ++i) {
      const double slope = (up[i] - down[i]) / (2 * h);
      EXPECT_NEAR(product[i], slope, 1e-6 * (1 + std::abs(slope))) << "seed " << seed;
    }
  }
}

TEST(Valley, SampleNoiseCancelsExactlyAndHasItsDeviation) {
  const Valley valley = wide_valley();
  const FloatSet rows = valley_samples(valley, 10000, 0.5, 3);
  double squares = 0;
  for (std::int64_t i = 0; i < rows.size(); i += 2)
    for (std::size_t j = 0; j < 4; ++j) {
      ASSERT_EQ(rows.values(i)[j], -rows.values(i + 1)[j]);
      squares += 2.0 * rows.values(i)[j] * rows.values(i)[j];
    }
  EXPECT_NEAR(squares / 40000, 0.25, 5 * 0.25 * std::sqrt(2.0 / 20000));
  EXPECT_THAT(error_of([&] { valley_samples(valley, 3, 0.5, 0); }), HasSubstr("3 samples"));
}

/// Where plain SGD (radius 0) or SAM ends that starts in the sharp minimum, on mini-batches of 8.
double end_of_walk(const Valley& valley, double radius, std::uint64_t seed) {
  const FloatSet rows = valley_samples(valley, 256, 1.0, seed);
  const auto width = static_cast<std::size_t>(valley.dimension);
  Vector w(width, 0.0), g(width);
  w[0] = -1;
  for (std::uint64_t step = 0; step < 4000; ++step) {
    std::vector<float> noise(width, 0.0F);
    for (std::uint64_t b = 0; b < 8; ++b) {
      const auto row = below(random_key(seed, "walk"), 8 * step + b, 256);
      for (std::size_t j = 0; j < width; ++j)
        noise[j] += rows.values(static_cast<std::int64_t>(row))[j] / 8;
    }
    valley_gradient(valley, w, noise, g);
    if (radius > 0) {
      double norm = 0;
      for (const double value : g) norm += value * value;
      Vector ascended = w;
      for (std::size_t j = 0; j < width; ++j) ascended[j] += radius * g[j] / std::sqrt(norm);
      valley_gradient(valley, ascended, noise, g);
    }
    for (std::size_t j = 0; j < width; ++j) w[j] -= 0.01 * g[j];
  }
  return w[0];
}

TEST(Valley, SamLeavesTheSharpMinimumAndSgdDoesNot) {
  for (const std::int64_t dimension : {2, 5}) {
    const Valley valley{.dimension = dimension};
    EXPECT_NEAR(valley.escape_radius(), 0.1157, 1e-4);
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      SCOPED_TRACE(fmt::format("dimension {}, seed {}", dimension, seed));
      EXPECT_LT(end_of_walk(valley, 0.0, seed), -0.5);
      EXPECT_LT(end_of_walk(valley, valley.escape_radius() / 4, seed), -0.5);
      EXPECT_GT(end_of_walk(valley, 1.5 * valley.escape_radius(), seed), 0.5);
    }
  }
}

}  // namespace
}  // namespace polder::data
