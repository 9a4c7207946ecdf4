#include "polder/optim/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "optim/support.h"

namespace polder::optim {
namespace {

using testing::DoubleNear;
using testing::Pointwise;

std::vector<double> table(const Schedule& schedule, std::int64_t total) {
  std::vector<double> rates;
  for (std::int64_t t = 0; t < total; ++t)
    rates.push_back(schedule.rate(static_cast<double>(t), total));
  return rates;
}

auto is(const std::vector<double>& expected) { return Pointwise(DoubleNear(1e-15), expected); }

TEST(Schedule, Constant) {
  EXPECT_THAT(table({.decay = Decay::constant, .peak = 0.4}, 3), is({0.4, 0.4, 0.4}));
}

TEST(Schedule, StepFallsAtFractionsOfTheRun) {
  EXPECT_THAT(
      table({.decay = Decay::step, .peak = 8.0, .milestones = {0.3, 0.75}, .factor = 0.5}, 10),
      is({8, 8, 8, 4, 4, 4, 4, 4, 2, 2}));
}

TEST(Schedule, LinearFallsInEqualParts) {
  EXPECT_THAT(table({.decay = Decay::linear, .peak = 1.0, .floor = 0.2}, 4),
              is({1.0, 0.8, 0.6, 0.4}));
}

TEST(Schedule, CosineFallsFromPeakTowardsFloor) {
  const double root = std::sqrt(0.5);
  EXPECT_THAT(table({.decay = Decay::cosine, .peak = 1.0}, 4),
              is({1.0, (1 + root) / 2, 0.5, (1 - root) / 2}));
  EXPECT_THAT(table({.decay = Decay::cosine, .peak = 3.0, .floor = 1.0}, 2), is({3.0, 2.0}));
}

TEST(Schedule, WarmUpRisesInEqualPartsAndTheDecayStartsAfterIt) {
  EXPECT_THAT(table({.decay = Decay::constant, .peak = 1.0, .warmup = 3}, 5),
              is({0.25, 0.5, 0.75, 1.0, 1.0}));
  EXPECT_THAT(table({.decay = Decay::linear, .peak = 1.0, .warmup = 1}, 5),
              is({0.5, 1.0, 0.75, 0.5, 0.25}));
  EXPECT_THAT(table({.decay = Decay::cosine, .peak = 1.0, .warmup = 1}, 3), is({0.5, 1.0, 0.5}));
  EXPECT_THAT(table({.decay = Decay::step, .peak = 1.0, .warmup = 1, .milestones = {0.5}}, 4),
              is({0.5, 1.0, 0.1, 0.1}));
}

TEST(Schedule, TimeNeedNotBeWhole) {
  const Schedule linear{.decay = Decay::linear, .peak = 1.0, .warmup = 3};
  EXPECT_DOUBLE_EQ(linear.rate(1.5, 11), 2.5 / 4.0);  // on the line through the whole steps
  EXPECT_DOUBLE_EQ(linear.rate(2.999999, 11), 3.999999 / 4.0);
  EXPECT_DOUBLE_EQ(linear.rate(5.2, 11), 1.0 - 2.2 / 8.0);
  const Schedule cosine{.decay = Decay::cosine, .peak = 2.0};
  EXPECT_NEAR(cosine.rate(9.999999, 10), 0.0, 1e-12);
  EXPECT_EQ(error_of([&] { cosine.rate(10.0, 10); }),
            "Schedule: step 10 of a run of 10 steps, want 0 <= step < 10");
}

TEST(Schedule, NamesGoBothWays) {
  for (const std::string name : {"constant", "step", "cosine", "linear"})
    EXPECT_EQ(to_string(parse_decay(name)), name);
  EXPECT_EQ(error_of([] { parse_decay("cosin"); }),
            "schedule 'cosin' is unknown, did you mean 'cosine'? (known: constant, step, cosine, "
            "linear)");
}

TEST(Schedule, RangeIsThatOfTheWholeRun) {
  const auto range =
      Schedule{.decay = Decay::cosine, .peak = 0.4, .floor = 0.1, .warmup = 3}.range(20);
  double low = 1.0, high = 0.0;
  for (std::int64_t t = 0; t < 20; ++t) {
    const double rate =
        Schedule{.decay = Decay::cosine, .peak = 0.4, .floor = 0.1, .warmup = 3}.rate(
            static_cast<double>(t), 20);
    low = std::min(low, rate);
    high = std::max(high, rate);
  }
  EXPECT_EQ(range.first, low);
  EXPECT_EQ(range.second, high);
  EXPECT_EQ((Schedule{.decay = Decay::constant, .peak = 0.3}.range(5)), std::pair(0.3, 0.3));
}

std::string refusal(const Schedule& schedule, double t = 0, std::int64_t total = 10) {
  return error_of([&] { schedule.rate(t, total); });
}

TEST(Schedule, BadValuesAreRefused) {
  EXPECT_EQ(refusal({}, 10), "Schedule: step 10 of a run of 10 steps, want 0 <= step < 10");
  EXPECT_EQ(refusal({}, -1), "Schedule: step -1 of a run of 10 steps, want 0 <= step < 10");
  EXPECT_EQ(refusal({.peak = -0.1}), "Schedule: peak rate is -0.1, want a finite number >= 0");
  EXPECT_EQ(refusal({.peak = NAN}), "Schedule: peak rate is nan, want a finite number >= 0");
  EXPECT_EQ(refusal({.peak = 0.1, .floor = 0.2}),
            "Schedule: floor is 0.2, want a rate in [0, 0.1]");
  EXPECT_EQ(refusal({.warmup = -1}),
            "Schedule: warm-up of -1 steps in a run of 10, want fewer and not negative");
  EXPECT_EQ(refusal({.warmup = 10}),
            "Schedule: warm-up of 10 steps in a run of 10, want fewer and not negative");
  EXPECT_EQ(refusal({.factor = 0.0}), "Schedule: factor is 0, want a number in (0, 1]");
  EXPECT_EQ(refusal({.milestones = {0.5, 0.5}}),
            "Schedule: milestone 0.5 after 0.5, want ascending fractions of the run in (0, 1)");
}

}  // namespace
}  // namespace polder::optim
