#include "polder/optim/training_step.h"

#include <gtest/gtest.h>

#include "optim/quadratic.h"
#include "optim/support.h"
#include "polder/optim/rules/none.h"
#include "polder/optim/rules/sam.h"
#include "polder/optim/sgd.h"

namespace polder::optim {
namespace {

constexpr std::int64_t kSize = 7;

class TrainingStepTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  Vector w = random_vector(kSize, "w", GetParam());
  nn::ParameterArena arena{quadratic_weights(w)};
  QuadraticObjective objective{arena};
  Batch batch = quadratic_batch(3, kSize, GetParam());
  Vector g = quadratic_of(batch).gradient(w);
  Sgd sgd{arena, {.momentum = 0.0}};
  None none;

  void SetUp() override { sgd.set_rate(0.1); }
};
INSTANTIATE_TEST_SUITE_P(Seeds, TrainingStepTest, testing::Values(1, 2, 3));

TEST_P(TrainingStepTest, MovesWeightsByTheRulesGradient) {
  TrainingStep step(objective, none, sgd);
  const StepReport report = step.run(batch, 5);
  EXPECT_EQ(objective.step(), 5);
  EXPECT_NEAR(report.loss.item(), quadratic_of(batch).value(w), 1e-12);
  EXPECT_THAT(dense(arena, step.gradient()), Near(g, 1e-12));
  EXPECT_THAT(dense(arena, arena.home()), Near(plus(-0.1, g, w), 1e-12));
}

TEST_P(TrainingStepTest, ClipsTheFinalGradientByItsGlobalNorm) {
  const double limit = 0.25 * norm(g);
  TrainingStep step(objective, none, sgd, limit);
  step.run(batch, 0);
  EXPECT_NEAR(norm(dense(arena, step.gradient())), limit, 1e-11);
  EXPECT_THAT(dense(arena, arena.home()), Near(plus(-0.025, g, w), 1e-12));
}

TEST_P(TrainingStepTest, ShortGradientsAreNotClipped) {
  TrainingStep step(objective, none, sgd, 1.001 * norm(g));
  step.run(batch, 0);
  EXPECT_THAT(dense(arena, arena.home()), Near(plus(-0.1, g, w), 1e-12));
}

TEST_P(TrainingStepTest, TheAscentIsNotClipped) {
  Sam sam(0.3);
  TrainingStep step(objective, sam, sgd, 1e-3);
  step.run(batch, 0);
  EXPECT_NEAR(norm(plus(-1.0, w, objective.diary[1].weights)), 0.3, 1e-12);
}

/// Twice the base optimizer's step on one gradient.
class Twice final : public DrivingRule {
 public:
  StepReport step(Objective& objective, const Batch& batch, BaseOptimizer& base, double clip,
                  Tensor& g) override {
    StepReport report{.loss = objective.gradient(batch, g)};
    clip_gradient(clip, g);
    base.step(g);
    base.step(g);
    return report;
  }
};

TEST_P(TrainingStepTest, ARuleMayDriveTheBaseOptimizer) {
  Twice twice;
  TrainingStep step(objective, twice, sgd);
  EXPECT_NEAR(step.run(batch, 0).loss.item(), quadratic_of(batch).value(w), 1e-12);
  EXPECT_THAT(dense(arena, arena.home()), Near(plus(-0.2, g, w), 1e-12));
  EXPECT_EQ(sgd.steps(), 2);
  Tensor out = arena.make_flat();
  EXPECT_EQ(error_of([&] { twice.gradient(objective, batch, out); }),
            "DrivingRule: this rule moves the weights itself and has no one gradient to hand over; "
            "run it by TrainingStep");
}

/// Remembers what it was prepared with.
class Curious final : public Rule {
 public:
  void prepare(Objective& objective, const BaseOptimizer& optimizer) override {
    seen = &objective;
    base = &optimizer;
  }
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override {
    rate = objective.rate().item();
    return {.loss = objective.gradient(batch, g)};
  }
  Objective* seen = nullptr;
  const BaseOptimizer* base = nullptr;
  double rate = 0.0;
};

TEST_P(TrainingStepTest, PreparesTheRuleAndTellsItTheRate) {
  Curious curious;
  TrainingStep step(objective, curious, sgd);
  EXPECT_EQ(curious.seen, &objective);
  EXPECT_EQ(curious.base, &sgd);
  step.run(batch, 0);
  EXPECT_EQ(curious.rate, 0.1);
}

/// Takes down what after_update is told.
class Probe : public Rule {
 public:
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override {
    return {.loss = objective.gradient(batch, g)};
  }
  void after_update(Objective& objective, const Batch&, const BaseOptimizer& base, const Tensor& g,
                    const Clipping& clipping) override {
    weights = dense(objective.arena(), objective.arena().home());
    gradient_seen = dense(objective.arena(), g);
    limit = clipping.limit;
    squared_norm = clipping.squared_norm.item();
    steps = base.steps();
  }
  Vector weights, gradient_seen;
  double limit = 0.0, squared_norm = 0.0;
  std::int64_t steps = 0;
};

TEST_P(TrainingStepTest, TheRuleIsToldAfterTheUpdate) {
  Probe probe;
  TrainingStep step(objective, probe, sgd, 0.5 * norm(g));
  step.run(batch, 0);
  EXPECT_EQ(probe.steps, 1);
  EXPECT_THAT(probe.weights, Near(plus(-0.05, g, w), 1e-12));
  EXPECT_THAT(probe.gradient_seen, Near(plus(-0.5, g, g), 1e-12));
  EXPECT_EQ(probe.limit, 0.5 * norm(g));
  EXPECT_NEAR(probe.squared_norm, inner(g, g), 1e-12 * inner(g, g));
}

TEST(TrainingStepErrors, BadClipIsRefused) {
  nn::ParameterArena arena(quadratic_weights(Vector(kSize, 1.0)));
  QuadraticObjective objective(arena);
  None none;
  Sgd sgd(arena);
  EXPECT_EQ(error_of([&] { TrainingStep(objective, none, sgd, -1.0); }),
            "TrainingStep: clip is -1, want a finite norm >= 0 (0: no clipping)");
}

TEST(RequireFinite, NamesTheStepAndTheValue) {
  const Tensor fine = Tensor::scalar(1.0), bad = Tensor::scalar(std::nan("")),
               large = Tensor::scalar(INFINITY);
  EXPECT_EQ(error_of([&] { require_finite({.loss = fine}, 7); }), "");
  EXPECT_EQ(error_of([&] { require_finite({.loss = bad}, 7); }),
            "step 7: the loss is nan, want a finite number");
  EXPECT_EQ(error_of([&] { require_finite({.loss = fine, .perturbed_loss = large}, 8); }),
            "step 8: the perturbed loss is inf, want a finite number");
  EXPECT_EQ(error_of([&] { require_finite({.loss = fine, .gradient_norm = bad}, 9); }),
            "step 9: the gradient norm is nan, want a finite number");
}

}  // namespace
}  // namespace polder::optim
