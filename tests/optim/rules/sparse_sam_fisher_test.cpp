#include "polder/optim/rules/sparse_sam_fisher.h"

#include <gtest/gtest.h>

#include <cmath>

#include "optim/reference.h"
#include "optim/support.h"

namespace polder::optim {
namespace {

std::int64_t live(const Tensor& mask) {
  std::int64_t count = 0;
  for (const double m : mask.to_vector<double>()) count += m != 0.0;
  return count;
}

TEST(SparseSamFisher, KeepsTheShareItSaysAndNothingMovesOffTheMask) {
  for (const char* sparsity : {"0", "0.3", "0.5", "0.95", "1"}) {
    SCOPED_TRACE(sparsity);
    const Settings settings({{"sparsity", sparsity}, {"samples", "4"}, {"rho", "0.5"}});
    Training training("sparse_sam_fisher", settings, {.dtype = DType::float64});
    const auto& rule = dynamic_cast<SparseSamFisher&>(*training.rule);
    const nn::ParameterArena& arena = training.problem.arena;
    const double d = static_cast<double>(arena.weight_count());
    for (int step = 0; step < 4; ++step) {
      const auto before = arena.home().to_vector<double>();
      training.run_step();
      EXPECT_EQ(live(rule.mask()), static_cast<std::int64_t>(d * (1.0 - std::stod(sparsity))));
      const auto mask = rule.mask().to_vector<double>();
      const auto looked = training.problem.arena.twin().to_vector<double>();
      double square = 0.0;
      for (std::size_t i = 0; i < mask.size(); ++i) {
        if (mask[i] == 0.0) {
          EXPECT_EQ(looked[i], before[i]) << i;
        }
        square += (looked[i] - before[i]) * (looked[i] - before[i]);
      }
      EXPECT_LE(std::sqrt(square), 0.5 + 1e-9);
    }
  }
}

TEST(SparseSamFisher, TheMaskMovesWithTheWeightsAtEveryRefresh) {
  const Settings settings({{"samples", "6"}, {"rho", "0.5"}});
  Training training("sparse_sam_fisher", settings, {.dtype = DType::float64});
  const auto& rule = dynamic_cast<SparseSamFisher&>(*training.rule);
  training.run_step();
  const auto first = rule.mask().to_vector<double>();
  const std::int64_t per_epoch = training.problem.objective.course().steps_per_epoch;
  for (std::int64_t t = 1; t < per_epoch; ++t) {
    training.run_step();
    EXPECT_EQ(rule.mask().to_vector<double>(), first) << "within an epoch";
  }
  training.run_step();
  EXPECT_NE(rule.mask().to_vector<double>(), first);
}

TEST(SparseSamFisher, RefreshesAgreeWithTheReference) {
  for (const char* every : {"1", "2"})
    EXPECT_LT(
        distance_to_reference(
            "sparse_sam_fisher",
            Settings(
                {{"refresh_every", every}, {"samples", "7"}, {"sparsity", "0.6"}, {"rho", "0.4"}}),
            40),
        1e-9);
}

TEST(SparseSamFisher, SettingsOutsideTheirRangeAreRefused) {
  EXPECT_EQ(error_of([] { SparseSamFisher({.sparsity = 1.5}); }),
            "sparse_sam_fisher: sparsity is 1.5, want a number in [0, 1]");
  EXPECT_THROW(SparseSamFisher({.samples = 0}), Error);
  EXPECT_THROW(SparseSamFisher({.refresh_every = 0}), Error);
}

TEST(SparseSamFisher, AMaskOnNothingIsRefused) {
  const std::string sentence = error_of([] {
    Training("sparse_sam_fisher",
             Settings(std::map<std::string, std::string>{{"sparsity", "0.9999"}}));
  });
  const NetProblem problem;
  EXPECT_EQ(sentence,
            fmt::format("sparse_sam_fisher: a sparsity of 0.9999 leaves none of {} weights to "
                        "perturb",
                        problem.arena.weight_count()));
}

}  // namespace
}  // namespace polder::optim
