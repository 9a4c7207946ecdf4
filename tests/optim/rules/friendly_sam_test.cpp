#include "polder/optim/rules/friendly_sam.h"

#include "optim/closed_form.h"
#include "optim/conformance.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(FriendlySamClosedForm);

TEST_P(FriendlySamClosedForm, AscendsAlongTheGradientWithoutItsAverage) {
  FriendlySam rule(0.3, 0.8, 0.6);
  const Looked first = sharp_gradient(mean, w, 0.3, Vector(kSize, 1.0));  // x = g: sam
  prepare(rule);
  EXPECT_THAT(gradient_of(rule, 0, batch), Near(first.gradient, 1e-12));
  expect_report(first, 0.3);
  Vector m = mean.gradient(w);
  for (const std::int64_t t : {1, 2, 3}) {
    SCOPED_TRACE(t);
    const Batch rows = quadratic_batch(kRows, kSize, GetParam(), "step " + std::to_string(t));
    const Quadratic here = quadratic_of(rows);
    const Vector g = here.gradient(w), x = plus(-0.8, m, g);
    EXPECT_THAT(gradient_of(rule, t, rows), Near(here.gradient(plus(0.3 / norm(x), x, w)), 1e-9));
    EXPECT_NEAR(report.gradient_norm.item(), norm(x), 1e-9);
    for (std::size_t i = 0; i < m.size(); ++i) m[i] = 0.6 * m[i] + 0.4 * g[i];
  }
  Memory memory;
  memory.save(rule);
  EXPECT_THAT(dense(arena, memory.tensors().at("average")), Near(m, 1e-12));  // of g, not of x
  EXPECT_DOUBLE_EQ(objective.work().gradients, 8.0);
}

TEST_P(FriendlySamClosedForm, RefusesNumbersOutOfRange) {
  EXPECT_EQ(error_of([] { FriendlySam(0.1, 1.0, 1.5); }),
            "FriendlySam: lambda is 1.5, want a number in [0, 1]");
}

/// Keeps what the ascent of the last look calls clean.
struct CleanGradient : ExcursionObserver {
  void arrived(Excursion& excursion, const Batch&, double) override {
    seen = excursion.ascent().clean.clone();
  }
  void looked(Excursion&, const Batch&, double, const Tensor&) override {}
  Tensor seen;
};

TEST_P(FriendlySamClosedForm, ShowsTheCleanGradientToWhoeverWatches) {
  FriendlySam rule(0.3);
  prepare(rule);
  gradient_of(rule, 0, batch);
  CleanGradient watcher;
  objective.set_observer(&watcher);
  gradient_of(rule, 1, batch);
  objective.set_observer(nullptr);
  EXPECT_THAT(dense(arena, watcher.seen), Near(mean.gradient(w), 1e-12));
}

TEST(FriendlySam, TheFirstStepIsSam) {
  EXPECT_EQ(trained("friendly_sam", {{"rho", "0.3"}}, 1), trained("sam", {{"rho", "0.3"}}, 1));
  EXPECT_NE(trained("friendly_sam", {{"rho", "0.3"}}, 2), trained("sam", {{"rho", "0.3"}}, 2));
}

}  // namespace
}  // namespace polder::optim
