#include "polder/optim/rules/fisher_sam.h"

#include "optim/closed_form.h"
#include "polder/optim/sgd.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(FisherSamClosedForm);

using Length = FisherSam::Length;

TEST_P(FisherSamClosedForm, LooksFromTheEdgeOfTheEllipsoid) {
  const double rho = 0.3, eta = 0.7;
  for (const Length length : {Length::ellipsoid, Length::euclid}) {
    Sgd base(arena);
    FisherSam rule(rho, eta, length);
    rule.prepare(objective, base);
    objective.diary.clear();
    const Vector found = gradient_of(std::move(rule));
    ASSERT_EQ(objective.diary.size(), 2U);
    const Vector g = mean.gradient(w), epsilon = plus(-1.0, w, objective.diary[1].weights);
    double measure = 0.0;  // epsilon^T diag(1 / f) epsilon, or its plain square
    for (std::size_t i = 0; i < g.size(); ++i) {
      const double f = 1.0 / (1.0 + eta * g[i] * g[i]);
      measure += epsilon[i] * epsilon[i] / (length == Length::ellipsoid ? f : 1.0);
      // Every axis is shrunk by its own f: epsilon_i / (f_i g_i) is one number.
      EXPECT_NEAR(epsilon[i] * g[0] / (1.0 + eta * g[0] * g[0]), epsilon[0] * f * g[i], 1e-12);
    }
    EXPECT_NEAR(measure, rho * rho, 1e-12);
    EXPECT_GT(inner(epsilon, g), 0.0);
    EXPECT_THAT(found, Near(mean.gradient(plus(1.0, epsilon, w)), 1e-12));
  }
}

TEST(FisherSam, ANegativeStrengthIsRefused) {
  EXPECT_EQ(error_of([] { FisherSam(0.1, -1.0); }),
            "fisher_sam: eta is -1, want a finite number >= 0");
}

}  // namespace
}  // namespace polder::optim
