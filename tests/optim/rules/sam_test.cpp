#include "polder/optim/rules/sam.h"

#include "optim/closed_form.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(SamClosedForm);

TEST_P(SamClosedForm, IsTheGradientAtDistanceRho) {
  const Looked expected = sharp_gradient(mean, w, 0.3, Vector(kSize, 1.0));
  EXPECT_THAT(gradient_of(Sam(0.3)), Near(expected.gradient, 1e-12));
  expect_report(expected, 0.3);
  EXPECT_DOUBLE_EQ(objective.work().gradients, 2.0);
}

TEST_P(SamClosedForm, ZeroGradientStaysFiniteAndAtHome) {
  arena.home().copy_from(arena.make_flat());
  kernels::backend_of(batch.targets).fill(0.0, batch.targets);  // the minimum is at w = 0
  for (const double rho : {0.0, 0.3}) {
    EXPECT_THAT(gradient_of(Sam(rho)), Near(Vector(kSize, 0.0), 0.0));
    for (const auto& pass : objective.diary)
      EXPECT_THAT(pass.weights, Near(Vector(kSize, 0.0), 0.0));
  }
}

}  // namespace
}  // namespace polder::optim
