#include "polder/optim/rules/sparse_sam_dynamic.h"

#include <gtest/gtest.h>

#include <cmath>

#include "optim/reference.h"
#include "optim/support.h"

namespace polder::optim {
namespace {

/// A rule of the registry and the mask it holds.
struct Sparse {
  Training training;
  SparseSamDynamic& rule;

  using Texts = std::map<std::string, std::string>;
  explicit Sparse(Texts settings)
      : training("sparse_sam_dynamic", Settings(std::move(settings)), {.dtype = DType::float64}),
        rule(dynamic_cast<SparseSamDynamic&>(*training.rule)) {}
  std::vector<double> mask() const { return rule.mask().to_vector<double>(); }
  std::int64_t live() const {
    std::int64_t count = 0;
    for (const double m : mask()) count += m != 0.0;
    return count;
  }
};

TEST(SparseSamDynamic, KeepsTheNumberOfPerturbedWeights) {
  for (const char* sparsity : {"0", "0.3", "0.5", "0.9", "1"}) {
    SCOPED_TRACE(sparsity);
    Sparse sparse({{"sparsity", sparsity}, {"rho", "0.5"}});
    const double d = static_cast<double>(sparse.training.problem.arena.weight_count());
    const auto expected = static_cast<std::int64_t>(d) -
                          static_cast<std::int64_t>(std::ceil(d * std::stod(sparsity)));
    for (int step = 0; step < 9; ++step) {
      sparse.training.run_step();
      EXPECT_EQ(sparse.live(), expected) << step;
    }
  }
}

TEST(SparseSamDynamic, PerturbsNothingOffItsMaskAndAtMostByRho) {
  Sparse sparse({{"sparsity", "0.6"}, {"rho", "0.5"}});
  const nn::ParameterArena& arena = sparse.training.problem.arena;
  for (int step = 0; step < 5; ++step) {
    const auto mask = sparse.mask(), before = arena.home().to_vector<double>();
    sparse.training.run_step();
    const auto looked = sparse.training.problem.arena.twin().to_vector<double>();
    double square = 0.0;
    for (std::size_t i = 0; i < mask.size(); ++i) {
      if (mask[i] == 0.0) {
        EXPECT_EQ(looked[i], before[i]) << i;
      }
      square += (looked[i] - before[i]) * (looked[i] - before[i]);
    }
    EXPECT_GT(square, 0.0);
    EXPECT_LT(std::sqrt(square), 0.5);  // the norm that divides is that of the whole gradient
  }
}

TEST(SparseSamDynamic, ADropRateOfZeroFreezesTheMask) {
  Sparse moving(Sparse::Texts{{"drop_rate", "0.5"}}), frozen(Sparse::Texts{{"drop_rate", "0"}});
  const auto first = frozen.mask();
  EXPECT_EQ(moving.mask(), first);
  for (int step = 0; step < 3; ++step) moving.training.run_step(), frozen.training.run_step();
  EXPECT_EQ(frozen.mask(), first);
  EXPECT_NE(moving.mask(), first);
}

TEST(SparseSamDynamic, EveryWayToScoreAgreesWithTheReference) {
  for (const char* drop : {"gradient", "weight", "random"})
    for (const char* grow : {"gradient", "weight", "random"}) {
      SCOPED_TRACE(std::string(drop) + " out, " + grow + " in");
      const Settings settings(
          {{"drop", drop}, {"grow", grow}, {"rho", "0.5"}, {"sparsity", "0.7"}});
      EXPECT_LT(distance_to_reference("sparse_sam_dynamic", settings, 30), 1e-9);
    }
}

TEST(SparseSamDynamic, SharesOutsideTheirRangeAreRefused) {
  EXPECT_EQ(error_of([] { SparseSamDynamic({.sparsity = 1.5}); }),
            "sparse_sam_dynamic: sparsity is 1.5, want a number in [0, 1]");
  EXPECT_THROW(SparseSamDynamic({.drop_rate = -0.1}), Error);
  EXPECT_THROW(SparseSamDynamic({.refresh_every = 0}), Error);
}

TEST(SparseSamDynamic, AMaskOnNothingIsRefused) {
  const std::string sentence = error_of([] {
    Training("sparse_sam_dynamic",
             Settings(std::map<std::string, std::string>{{"sparsity", "0.9999"}}));
  });
  const NetProblem problem;
  EXPECT_EQ(sentence,
            fmt::format("sparse_sam_dynamic: a sparsity of 0.9999 leaves none of {} weights to "
                        "perturb",
                        problem.arena.weight_count()));
}

}  // namespace
}  // namespace polder::optim
