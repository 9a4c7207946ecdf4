#include "polder/optim/rules/none.h"

#include "optim/closed_form.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(NoneClosedForm);

TEST_P(NoneClosedForm, IsTheCleanGradient) {
  EXPECT_THAT(gradient_of(None()), Near(mean.gradient(w), 1e-12));
  EXPECT_NEAR(report.loss.item(), mean.value(w), 1e-12);
  EXPECT_FALSE(report.perturbed);
  EXPECT_FALSE(report.perturbed_loss.defined());
  EXPECT_DOUBLE_EQ(objective.work().gradients, 1.0);
}

}  // namespace
}  // namespace polder::optim
