#include "polder/optim/rules/ae_look_sam.h"

#include "optim/closed_form.h"
#include "optim/conformance.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(AeLookSamClosedForm);

TEST_P(AeLookSamClosedForm, RefreshesWithoutADirectionThenReusesIt) {
  // Nothing is ever large enough: only the missing direction makes it look.
  AeLookSam rule(0.3, NormTrend(0.9, 99.0, 99.0, kCpu), 0.7, 0);
  prepare(rule);
  const Looked looked = sharp_gradient(mean, w, 0.3, Vector(kSize, 1.0));
  EXPECT_THAT(gradient_of(rule, 0, batch), Near(looked.gradient, 1e-12));
  EXPECT_EQ(report.decision.item(), 1.0);
  expect_report(looked, 0.3);
  const Vector g = mean.gradient(w);
  const Vector rest = plus(-inner(looked.gradient, g) / inner(g, g), g, looked.gradient);
  const double unit = norm(rest) + 1e-12;  // rest is short: the stabiliser c shows
  const Vector expected = plus(0.7 * norm(g) / unit, rest, g);
  for (std::int64_t t = 1; t < 4; ++t) {
    EXPECT_THAT(gradient_of(rule, t, batch), Near(expected, 1e-11));
    EXPECT_EQ(report.decision.item(), 0.0);
    EXPECT_EQ(report.scalars.at(0).first, "age");
    EXPECT_EQ(report.scalars.at(0).second.item(), static_cast<double>(t));
    EXPECT_EQ(report.perturbed_loss.item(), report.loss.item());
  }
  EXPECT_DOUBLE_EQ(objective.work().gradients, 2.0 + 3.0);
}

TEST_P(AeLookSamClosedForm, ALargeGradientRefreshes) {
  AeLookSam rule(0.3, NormTrend(0.9, -99.0, -99.0, kCpu), 0.7, 0);  // always large
  prepare(rule);
  const Looked looked = sharp_gradient(mean, w, 0.3, Vector(kSize, 1.0));
  for (std::int64_t t = 0; t < 3; ++t) {
    EXPECT_THAT(gradient_of(rule, t, batch), Near(looked.gradient, 1e-12));
    EXPECT_EQ(report.scalars.at(0).second.item(), 0.0);
  }
}

TEST_P(AeLookSamClosedForm, RefusesANegativeAge) {
  EXPECT_EQ(error_of([] { AeLookSam(0.1, NormTrend(0.9, 0.0, 2.0, kCpu), 0.7, -1); }),
            "AeLookSam: max_age is -1, want a number of steps, or 0 for no bound");
}

TEST(AeLookSam, RefreshesOnSomeStepsAndNotOnOthers) {
  Training training("ae_look_sam", {});
  double decided = 0.0;
  for (int t = 0; t < 30; ++t) decided += training.run_step().decision.item();
  EXPECT_GT(decided, 1.0);
  EXPECT_LT(decided, 27.0);
  EXPECT_DOUBLE_EQ(training.problem.objective.work().gradients, 30.0 + decided);
}

}  // namespace
}  // namespace polder::optim
