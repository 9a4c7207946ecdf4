#include "polder/lets/radius_parameter.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "polder/core/allocator.h"
#include "polder/core/random.h"
#include "testing.h"

namespace polder::lets {
namespace {

/// The same descent on one number, written down as in the header.
struct Oracle {
  double rho0;
  RadiusOptions options;
  double position = options.parametrisation == Parametrisation::log ? 0.0 : rho0;
  double m = 0.0, v = 0.0;
  int k = 0, hits = 0;

  double rho() const {
    return options.parametrisation == Parametrisation::log ? rho0 * std::exp(position) : position;
  }
  void descend(double h) {
    const bool log = options.parametrisation == Parametrisation::log;
    double update = log ? rho() * h : h;
    if (options.optimizer == UpperOptimizer::adam) {
      m = 0.9 * m + 0.1 * update;
      v = 0.999 * v + 0.001 * update * update;
      ++k;
      update = m / (1 - std::pow(0.9, k)) / (std::sqrt(v / (1 - std::pow(0.999, k))) + 1e-12);
    }
    const double wanted = position - options.learning_rate * update;
    const double lowest = log ? std::log(options.rho_min / rho0) : options.rho_min;
    const double highest = log ? std::log(options.rho_max / rho0) : options.rho_max;
    hits += wanted < lowest || wanted > highest;
    position = std::clamp(wanted, lowest, highest);
  }
};

Tensor scalar(double value) { return Tensor::scalar(value); }

class Descents : public testing::TestWithParam<std::tuple<Parametrisation, UpperOptimizer>> {};

INSTANTIATE_TEST_SUITE_P(
    Every, Descents,
    testing::Combine(testing::Values(Parametrisation::log, Parametrisation::clipped),
                     testing::Values(UpperOptimizer::adam, UpperOptimizer::sgd)));

TEST_P(Descents, FollowTheirFormula) {
  RadiusOptions options{.learning_rate = 0.02, .rho_min = 0.02, .rho_max = 0.09};
  std::tie(options.parametrisation, options.optimizer) = GetParam();
  for (const std::uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE(seed);
    RadiusParameter parameter(scalar(0.05), options);
    Oracle oracle{0.05, options};
    for (std::uint64_t step = 0; step < 60; ++step) {
      const double slope = normal(random_key(seed, "slopes"), step);
      parameter.descend(scalar(slope));
      oracle.descend(slope);
      ASSERT_NEAR(parameter.radius().item(), oracle.rho(), 1e-13) << "step " << step;
    }
    EXPECT_EQ(parameter.clamp_hits(), oracle.hits);
    EXPECT_EQ(parameter.skipped(), 0);
  }
}

TEST_P(Descents, MoveEverySegmentOnItsOwn) {
  RadiusOptions options{.learning_rate = 0.01};
  std::tie(options.parametrisation, options.optimizer) = GetParam();
  const std::vector<double> starts = {0.05, 0.5, 2.0};
  RadiusParameter parameter(Tensor::from(starts, {3}), options);
  std::vector<Oracle> oracles;
  for (const double start : starts) oracles.push_back({start, options});
  for (std::uint64_t step = 0; step < 10; ++step) {
    std::vector<double> slopes;
    for (std::uint64_t s = 0; s < 3; ++s)
      slopes.push_back(normal(random_key(7, "slopes"), 3 * step + s));
    parameter.descend(Tensor::from(slopes, {3}));
    for (std::size_t s = 0; s < 3; ++s) oracles[s].descend(slopes[s]);
  }
  const std::vector<double> radii = parameter.radius().to_vector<double>();
  for (std::size_t s = 0; s < 3; ++s) EXPECT_NEAR(radii[s], oracles[s].rho(), 1e-13 * radii[s]);
}

TEST_P(Descents, SkipASlopeThatIsNotFinite) {
  RadiusOptions options{.learning_rate = 0.01};
  std::tie(options.parametrisation, options.optimizer) = GetParam();
  RadiusParameter disturbed(scalar(0.05), options), quiet(scalar(0.05), options);
  for (const double slope : {0.3, -0.2}) {
    for (const double bad : {std::numeric_limits<double>::infinity(), std::nan("")})
      disturbed.descend(scalar(bad));
    disturbed.descend(scalar(slope));
    quiet.descend(scalar(slope));
    EXPECT_EQ(disturbed.radius().item(), quiet.radius().item());
  }
  EXPECT_EQ(disturbed.skipped(), 4);
  EXPECT_EQ(quiet.skipped(), 0);
}

TEST_P(Descents, WithoutLearningRateHoldTheRadiusBitForBit) {
  RadiusOptions options{.learning_rate = 0.0};
  std::tie(options.parametrisation, options.optimizer) = GetParam();
  RadiusParameter parameter(scalar(0.0478), options);
  for (std::uint64_t step = 0; step < 20; ++step)
    parameter.descend(scalar(normal(random_key(5, "slopes"), step)));
  EXPECT_EQ(parameter.radius().item(), 0.0478);
}

TEST_P(Descents, ContinueFromSavedState) {
  RadiusOptions options{.learning_rate = 0.01};
  std::tie(options.parametrisation, options.optimizer) = GetParam();
  RadiusParameter whole(scalar(0.05), options), resumed(scalar(0.05), options);
  const auto slope = [](std::uint64_t step) {
    return scalar(normal(random_key(5, "slopes"), step));
  };
  for (std::uint64_t step = 0; step < 5; ++step) whole.descend(slope(step));
  Memory memory;
  whole.visit_state(memory);
  memory.recall();
  resumed.visit_state(memory);
  for (std::uint64_t step = 5; step < 9; ++step) {
    whole.descend(slope(step));
    resumed.descend(slope(step));
  }
  EXPECT_EQ(whole.radius().item(), resumed.radius().item());
}

TEST(RadiusParameter, ReadsNothingBackAndAllocatesNothing) {
  RadiusParameter parameter(scalar(0.05), {});
  const Tensor slope = scalar(0.1);
  for (int i = 0; i < 3; ++i) parameter.descend(slope);
  const auto reads = host_reads();
  const auto calls = allocator_of(kCpu).stats().system_calls;
  for (int i = 0; i < 20; ++i) parameter.descend(slope);
  EXPECT_EQ(host_reads(), reads);
  EXPECT_EQ(allocator_of(kCpu).stats().system_calls, calls);
}

TEST(RadiusParameter, StartsExactlyWhereItIsToldTo) {
  const double rho0 = 0.1 * 0.3;
  EXPECT_EQ(RadiusParameter(scalar(rho0), {}).radius().item(), rho0);
  RadiusParameter parameter(scalar(rho0), {});
  const Tensor held = parameter.radius();
  parameter.descend(scalar(1.0));
  EXPECT_LT(held.item(), rho0) << "the radius moved away from whoever holds it";
}

TEST(RadiusParameter, RefusesWrongUseInOneSentence) {
  EXPECT_EQ(error_of([] { RadiusParameter(scalar(0.05), {.learning_rate = -0.1}); }),
            "lets: the learning rate of the radius is -0.1, wanted a finite number >= 0");
  EXPECT_EQ(error_of([] { RadiusParameter(scalar(0.05), {.rho_min = 0.0}); }),
            "lets: the radius is to stay in [0, 100], wanted 0 < rho_min < rho_max < infinity");
  EXPECT_EQ(error_of([] { RadiusParameter(scalar(0.0), {}); }),
            "lets: the radius starts at 0, wanted one inside [1e-05, 100]");
  EXPECT_EQ(error_of([] { parse_parametrisation("logg"); }),
            "lets: unknown parametrisation 'logg', the nearest is 'log'");
  EXPECT_EQ(error_of([] { parse_upper_optimizer("adamw"); }),
            "lets: unknown upper optimizer 'adamw', the nearest is 'adam'");
}

}  // namespace
}  // namespace polder::lets
