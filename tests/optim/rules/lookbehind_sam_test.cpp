#include "polder/optim/rules/lookbehind_sam.h"

#include "optim/closed_form.h"
#include "optim/reference.h"
#include "polder/optim/sgd.h"
#include "polder/optim/training_step.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(LookbehindSamClosedForm);

TEST_P(LookbehindSamClosedForm, AscentsAddUpFromTheStartAndDescentsFromWhereTheLastOneEnded) {
  Sgd base(arena, {.momentum = 0.0});
  base.set_rate(0.05);
  LookbehindSam rule({.rho = 0.3, .k = 3, .alpha = 0.4});
  TrainingStep step(objective, rule, base);
  step.run(batch, 0);
  Vector x = w, fast = w;
  for (int j = 0; j < 3; ++j) {
    const Vector g = mean.gradient(x);
    x = plus(0.3 / norm(g), g, x);  // from the last x, not from fast
    fast = plus(-0.05, mean.gradient(x), fast);
  }
  Vector expected = w;
  for (std::size_t i = 0; i < w.size(); ++i) expected[i] = 0.6 * w[i] + 0.4 * fast[i];
  EXPECT_THAT(dense(arena, arena.home()), Near(expected, 1e-12));
  EXPECT_EQ(base.steps(), 3);
}

TEST_P(LookbehindSamClosedForm, AShareOfZeroLeavesTheWeights) {
  Sgd base(arena);
  base.set_rate(0.05);
  LookbehindSam rule({.rho = 0.3, .k = 2, .alpha = 0.0});
  TrainingStep step(objective, rule, base);
  step.run(batch, 0);
  EXPECT_THAT(dense(arena, arena.home()), Near(w, 0.0));
}

TEST(LookbehindSam, ItsOptionsAgreeWithTheReference) {
  for (const char* k : {"1", "2", "4"})
    for (const char* alpha : {"adaptive", "0.3", "1"}) {
      SCOPED_TRACE(std::string("k ") + k + ", alpha " + alpha);
      const Settings settings({{"k", k}, {"alpha", alpha}, {"rho", "0.2"}});
      EXPECT_LT(distance_to_reference("lookbehind_sam", settings, 20), 1e-9);
    }
}

TEST(LookbehindSam, SettingsOutsideTheirRangeAreRefused) {
  EXPECT_EQ(error_of([] { LookbehindSam({.k = 0}); }), "lookbehind_sam: k is 0, want 1 or more");
  EXPECT_THROW(LookbehindSam({.rho = -1.0}), Error);
  EXPECT_THROW(LookbehindSam({.alpha = 1.5}), Error);
}

}  // namespace
}  // namespace polder::optim
