#include "polder/optim/rules/gam.h"

#include "optim/closed_form.h"
#include "optim/conformance.h"
#include "optim/reference.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(GamClosedForm);

Vector unit(const Vector& x) { return plus(1.0 / norm(x), x, Vector(x.size(), 0.0)); }

/// alpha x + beta y
Vector combine(double alpha, const Vector& x, double beta, const Vector& y) {
  return plus(alpha, x, plus(beta, y, Vector(x.size(), 0.0)));
}

TEST_P(GamClosedForm, FollowsTheFigureOnAQuadratic) {
  for (const bool whole : {false, true}) {
    SCOPED_TRACE(whole);
    const GamOptions options{.rho = 0.3,
                             .rho_gradient = 0.1,
                             .a = 0.6,
                             .b = 0.4,
                             .gamma = 0.2,
                             .g0_counts_whole = whole};
    const Vector g0 = mean.gradient(w);
    const Vector h0 = mean.times(plus(0.1, unit(g0), Vector(kSize, 0.0)));  // g1 - g0, exactly
    const Vector g1 = plus(1.0, h0, g0);
    const Vector w2 = plus(0.3, unit(h0), w);
    const Vector g2 = mean.gradient(w2);
    const Vector g3 = mean.gradient(plus(0.1, unit(g2), w2));
    const Vector upper = combine(0.6, g1, 0.4, g3);
    const Vector lower = combine(whole ? 1.0 : 0.4, g0, 0.6, g2);
    const Vector rest = plus(-inner(lower, upper) / inner(upper, upper), upper, lower);
    const Vector found = gradient_of(Gam(options));
    EXPECT_THAT(found, Near(plus(-0.2, rest, upper), 1e-9));
    EXPECT_NEAR(inner(plus(-1.0, upper, found), upper), 0.0, 1e-9);  // perp(h-; h+) is orthogonal
    EXPECT_NEAR(report.loss.item(), mean.value(w), 1e-12);
    EXPECT_NEAR(report.perturbed_loss.item(), mean.value(w2), 1e-9);
    EXPECT_NEAR(report.gradient_norm.item(), norm(g0), 1e-12);
  }
  EXPECT_DOUBLE_EQ(objective.work().gradients, 8.0);  // 4 each
}

TEST_P(GamClosedForm, AddsTheSlopeOfTheGradientNormAtItsWorstPoint) {
  const GamOptions options{.form = GamOptions::Form::hvp, .rho = 0.3, .alpha = 0.7};
  const Vector g = mean.gradient(w);
  const Vector worst = plus(0.3, unit(mean.times(unit(g))), w);
  const Vector expected = plus(0.7 * 0.3, mean.times(unit(mean.gradient(worst))), g);
  EXPECT_THAT(gradient_of(Gam(options)), Near(expected, 1e-9));
  EXPECT_NEAR(report.perturbed_loss.item(), mean.value(worst), 1e-9);
  EXPECT_NEAR(report.gradient_norm.item(), norm(g), 1e-12);
  EXPECT_DOUBLE_EQ(objective.work().gradients, 2.0);
  EXPECT_DOUBLE_EQ(objective.work().hessian_products, 2.0);
}

TEST_P(GamClosedForm, RefusesNumbersOutOfRange) {
  EXPECT_EQ(error_of([] { Gam(GamOptions{.rho_gradient = -1.0}); }),
            "Gam: rho_gradient is -1, want a finite number >= 0");
}

TEST(Gam, EveryFormAgreesWithItsReference) {
  using Values = std::map<std::string, std::string>;
  EXPECT_LT(distance_to_reference("gam", Settings(Values{{"form", "hvp"}, {"rho", "0.5"}}), 50),
            1e-9);
  EXPECT_LT(distance_to_reference("gam", Settings(Values{{"h_minus", "code"}}), 50), 1e-9);
  EXPECT_NE(trained("gam", {{"h_minus", "code"}}), trained("gam"));
}

TEST(Gam, ProductsCostWhatIsPublished) {
  const Settings settings(std::map<std::string, std::string>{{"form", "hvp"}});
  Training training("gam", settings);
  training.run_steps(5);
  const RuleCost cost = cost_of(entry_of("gam"), settings, NetProblem::kRows);
  const WorkCount work = training.problem.objective.work();
  EXPECT_NEAR(work.gradients, 5 * cost.step.gradients, 1e-9);
  EXPECT_NEAR(work.hessian_products, 5 * cost.step.hessian_products, 1e-9);
}

}  // namespace
}  // namespace polder::optim
