#include "polder/optim/rules/sagm.h"

#include "optim/closed_form.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(SagmClosedForm);

TEST_P(SagmClosedForm, IsTheMeanOfTheCleanAndTheShiftedGradient) {
  // g_p = g + (rho / ||g|| - alpha) A g, so G = g + (rho / ||g|| - alpha) A g / 2.
  const Vector g = mean.gradient(w);
  for (const double alpha : {0.0, 0.02, 10.0}) {  // the last one descends
    SCOPED_TRACE(alpha);
    const Vector expected = plus(0.5 * (0.3 / norm(g) - alpha), mean.times(g), g);
    EXPECT_THAT(gradient_of(Sagm(0.3, alpha)), Near(expected, 1e-10));
    ASSERT_EQ(report.scalars.size(), 1U);
    EXPECT_EQ(report.scalars[0].first, "signed_radius");
    EXPECT_NEAR(report.scalars[0].second.item(), 0.3 - alpha * norm(g), 1e-10);
    const Vector moved = plus(-1.0, w, objective.diary.back().weights);
    EXPECT_NEAR(inner(moved, g) / norm(g), 0.3 - alpha * norm(g), 1e-10);
  }
  EXPECT_DOUBLE_EQ(objective.work().gradients, 6.0);  // 2 for each alpha
}

TEST_P(SagmClosedForm, RefusesANegativeAlpha) {
  EXPECT_EQ(error_of([] { Sagm(0.1, -1.0); }), "Sagm: alpha is -1, want a finite number >= 0");
}

}  // namespace
}  // namespace polder::optim
