#include "polder/optim/rules/gnp.h"

#include <limits>

#include "optim/closed_form.h"
#include "optim/conformance.h"
#include "optim/reference.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(GnpClosedForm);

TEST_P(GnpClosedForm, AddsTheGradientOfTheNormOfTheGradient) {
  // On a quadratic the difference is exact: G = g + lambda A g / ||g||, lambda = alpha rho.
  const Vector g = mean.gradient(w);
  const Vector expected = plus(0.7 * 0.3 / norm(g), mean.times(g), g);
  EXPECT_THAT(gradient_of(Gnp(0.3, 0.7)), Near(expected, 1e-12));
  expect_report(sharp_gradient(mean, w, 0.3, Vector(kSize, 1.0)), 0.3);
  EXPECT_DOUBLE_EQ(objective.work().gradients, 2.0);
}

TEST_P(GnpClosedForm, MixesTheUnitGradientWhenAsked) {
  const Vector g = mean.gradient(w);
  const Looked looked = sharp_gradient(mean, w, 0.3, Vector(kSize, 1.0));
  const Vector expected = plus(0.7, looked.gradient, plus(0.3 / norm(g), g, Vector(kSize, 0.0)));
  EXPECT_THAT(gradient_of(Gnp(0.3, 0.7, Gnp::Mix::unit)), Near(expected, 1e-12));
}

TEST_P(GnpClosedForm, RefusesAnAlphaThatIsNoNumber) {
  EXPECT_EQ(error_of([] { Gnp(0.1, std::numeric_limits<double>::infinity()); }),
            "Gnp: alpha is inf, want a finite number");
}

TEST(Gnp, UnitMixAgreesWithItsReference) {
  EXPECT_LT(distance_to_reference("gnp", Settings({{"mix", "unit"}, {"rho", "0.5"}}), 50), 1e-9);
  EXPECT_NE(trained("gnp", {{"mix", "unit"}}), trained("gnp"));
}

}  // namespace
}  // namespace polder::optim
