#include "polder/optim/rules/vasso.h"

#include "optim/closed_form.h"
#include "optim/conformance.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(VassoClosedForm);

TEST_P(VassoClosedForm, AscendsAlongTheAverageThatHoldsTheNewGradient) {
  Vasso rule(0.3, 0.9);
  const Looked first = sharp_gradient(mean, w, 0.3, Vector(kSize, 1.0));  // m = g: sam
  prepare(rule);
  EXPECT_THAT(gradient_of(rule, 0, batch), Near(first.gradient, 1e-12));
  expect_report(first, 0.3);
  Vector m = mean.gradient(w);
  for (const std::int64_t t : {1, 2, 3}) {
    SCOPED_TRACE(t);
    const Batch rows = quadratic_batch(kRows, kSize, GetParam(), "step " + std::to_string(t));
    const Quadratic here = quadratic_of(rows);
    const Vector g = here.gradient(w);
    for (std::size_t i = 0; i < m.size(); ++i) m[i] = 0.1 * m[i] + 0.9 * g[i];
    EXPECT_THAT(gradient_of(rule, t, rows), Near(here.gradient(plus(0.3 / norm(m), m, w)), 1e-9));
    EXPECT_NEAR(report.gradient_norm.item(), norm(m), 1e-9);
  }
  EXPECT_DOUBLE_EQ(objective.work().gradients, 8.0);
}

TEST_P(VassoClosedForm, RefusesAWeightOutOfRange) {
  EXPECT_EQ(error_of([] { Vasso(0.1, -0.5); }), "Vasso: theta is -0.5, want a number in [0, 1]");
}

TEST(Vasso, TheFirstStepIsSam) {
  EXPECT_EQ(trained("vasso", {{"rho", "0.3"}}, 1), trained("sam", {{"rho", "0.3"}}, 1));
  EXPECT_NE(trained("vasso", {{"rho", "0.3"}}, 2), trained("sam", {{"rho", "0.3"}}, 2));
}

}  // namespace
}  // namespace polder::optim
