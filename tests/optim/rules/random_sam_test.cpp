#include "polder/optim/rules/random_sam.h"

#include <gtest/gtest.h>

#include <cmath>

#include "optim/reference.h"
#include "optim/support.h"

namespace polder::optim {
namespace {

TEST(RandomSam, EveryScheduleAgreesWithTheReference) {
  for (const char* schedule :
       {"step_up", "step_down", "linear_up", "linear_down", "cosine_up", "cosine_down"})
    for (const char* gamma : {"1", "match", "0.6"}) {
      SCOPED_TRACE(std::string(schedule) + ", gamma " + gamma);
      const Settings settings({{"schedule", schedule}, {"gamma", gamma}, {"rho", "0.5"}});
      EXPECT_LT(distance_to_reference("random_sam", settings, 40), 1e-9);
    }
}

/// Counts steps of sam among `steps`, and the gradients made.
TEST(RandomSam, CoinsFallAsOftenAsTheyShouldAndCostWhatTheySay) {
  for (const double p : {0.1, 0.6, 0.9}) {
    Settings settings;
    settings.set("p", fmt::format("{}", p));
    Training training("random_sam", settings, {.batch_norm = false, .dropout = 0.0, .width = 2});
    int heads = 0;
    constexpr int kSteps = 4000;
    for (int t = 0; t < kSteps; ++t) heads += training.run_step().perturbed ? 1 : 0;
    const double deviation = std::sqrt(p * (1.0 - p) * kSteps);
    EXPECT_NEAR(heads, p * kSteps, 4.0 * deviation);
    EXPECT_EQ(training.problem.objective.work().gradients, kSteps + heads);
  }
}

TEST(RandomSam, SettingsOutsideTheirRangeAreRefused) {
  EXPECT_EQ(error_of([] { RandomSam({.p = 1.5}); }),
            "random_sam: p is 1.5, want a number in [0, 1]");
  EXPECT_THROW(RandomSam({.gamma = 1.0 / 0.0}), Error);
}

}  // namespace
}  // namespace polder::optim
