#include "polder/optim/rules/momentum_sam.h"

#include "optim/closed_form.h"
#include "polder/optim/sgd.h"
#include "polder/optim/training_step.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(MomentumSamClosedForm);

TEST_P(MomentumSamClosedForm, LooksAheadOnThePathOfDescent) {
  Sgd base(arena, {.momentum = 0.9});
  base.set_rate(0.05);
  MomentumSam rule(0.3);
  TrainingStep step(objective, rule, base);
  step.run(batch, 0);
  // Without momentum yet, the first step is the base optimizer's.
  EXPECT_THAT(dense(arena, step.gradient()), Near(mean.gradient(w), 1e-12));

  const Vector moved = dense(arena, arena.home());
  const Vector v = dense(arena, base.momentum());  // G of the first step: w moved by -0.05 v
  const Vector ahead = plus(-0.3 / norm(v), v, moved);
  objective.diary.clear();
  step.run(batch, 1);
  ASSERT_EQ(objective.diary.size(), 1U);  // one gradient a step
  EXPECT_THAT(objective.diary[0].weights, Near(ahead, 1e-12));
  EXPECT_THAT(dense(arena, step.gradient()), Near(mean.gradient(ahead), 1e-12));
  EXPECT_NEAR(inner(plus(-1.0, moved, ahead), plus(-1.0, w, moved)),
              0.3 * norm(plus(-1.0, w, moved)), 1e-12)
      << "the look is not where the last step was going";
}

TEST_P(MomentumSamClosedForm, ABaseWithoutMomentumIsRefused) {
  Sgd base(arena, {.momentum = 0.0});
  MomentumSam rule(0.3);
  EXPECT_THROW(rule.prepare(objective, base), Error);
}

}  // namespace
}  // namespace polder::optim
