#include "polder/optim/rules/look_sam.h"

#include <limits>

#include "optim/closed_form.h"
#include "optim/conformance.h"
#include "polder/optim/flat.h"
#include "polder/optim/rules/none.h"
#include "polder/optim/rules/sam.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(LookSamClosedForm);

/// x without its part along y.
Vector without(const Vector& y, const Vector& x) { return plus(-inner(x, y) / inner(y, y), y, x); }

TEST_P(LookSamClosedForm, AddsTheOrthogonalPartOfTheLastRefresh) {
  LookSam rule(0.3, 3, 0.7);
  const Vector g = mean.gradient(w);
  const Looked looked = sharp_gradient(mean, w, 0.3, Vector(kSize, 1.0));
  prepare(rule);
  EXPECT_THAT(gradient_of(rule, 0, batch), Near(looked.gradient, 1e-12));
  expect_report(looked, 0.3);
  const Vector orthogonal = without(g, looked.gradient);
  for (const std::int64_t t : {1, 2}) {
    const Batch rows = quadratic_batch(kRows, kSize, GetParam(), "step " + std::to_string(t));
    const Quadratic here = quadratic_of(rows);
    const Vector now = here.gradient(w);
    const Vector found = gradient_of(rule, t, rows);
    const double length = 0.7 * norm(now);
    EXPECT_THAT(found, Near(plus(length / norm(orthogonal), orthogonal, now), 1e-9));
    EXPECT_NEAR(norm(plus(-1.0, now, found)), length, 1e-9);
    EXPECT_NEAR(report.loss.item(), here.value(w), 1e-12);
    EXPECT_FALSE(report.perturbed);
    EXPECT_THAT(objective.diary.back().weights, Near(w, 0.0));
  }
  EXPECT_THAT(gradient_of(rule, 3, batch), Near(looked.gradient, 1e-12));
  EXPECT_DOUBLE_EQ(objective.work().gradients, 2 + 1 + 1 + 2);
}

TEST_P(LookSamClosedForm, WhatItKeepsIsOrthogonalToTheCleanGradient) {
  LookSam rule(0.3);
  prepare(rule);
  gradient_of(rule, 0, batch);
  Memory memory;
  memory.save(rule);
  const Vector v = dense(arena, memory.tensors().at("orthogonal")), g = mean.gradient(w);
  EXPECT_NEAR(inner(v, g) / norm(g), 0.0, 1e-12);
  EXPECT_NEAR(norm(v), 1.0, 1e-9);
}

TEST_P(LookSamClosedForm, RoundingNoiseIsNotMadeADirection) {
  // One curvature in all directions: g_p is parallel to g, and what is left of it is noise.
  Batch round = batch;
  Vector unit(static_cast<std::size_t>(kRows * kSize * kSize), 0.0);
  for (std::int64_t i = 0; i < kRows; ++i)
    for (std::int64_t d = 0; d < kSize; ++d)
      unit[static_cast<std::size_t>((i * kSize + d) * kSize + d)] = 1.7;
  round.inputs = Tensor::from(unit, {kRows, kSize, kSize});
  LookSam rule(0.3);
  prepare(rule);
  gradient_of(rule, 0, batch);  // a direction that would be kept
  gradient_of(rule, 5, round);
  EXPECT_THAT(gradient_of(rule, 6, round), Near(quadratic_of(round).gradient(w), 1e-12));
}

TEST_P(LookSamClosedForm, AFailedRefreshKeepsTheOldDirection) {
  LookSam rule(0.3, 2);
  prepare(rule);
  gradient_of(rule, 0, batch);
  const Vector expected = gradient_of(rule, 1, batch);
  objective.fail_at = static_cast<int>(objective.diary.size()) + 1;
  EXPECT_THROW(gradient_of(rule, 2, quadratic_batch(kRows, kSize, 99)), std::runtime_error);
  objective.fail_at = -1;
  EXPECT_THAT(gradient_of(rule, 3, batch), Near(expected, 0.0));
}

TEST_P(LookSamClosedForm, RefusesAPeriodOfNothing) {
  EXPECT_EQ(error_of([] { LookSam(0.1, 0); }),
            "LookSam: k is 0, want at least one step from refresh to refresh");
  EXPECT_EQ(error_of([] { LookSam(0.1, 5, std::numeric_limits<double>::infinity()); }),
            "LookSam: alpha is inf, want a finite number");
}

TEST(LookSam, WithoutAlphaReuseIsTheBaseOptimizerAndRefreshIsSam) {
  Training look("look_sam", Settings({{"rho", "0.3"}, {"alpha", "0"}, {"k", "4"}}));
  Training sam("sam", Settings(std::map<std::string, std::string>{{"rho", "0.3"}})),
      none("none", {});
  Tensor g = look.problem.arena.make_flat(), expected = g.clone();
  for (int t = 0; t < 8; ++t) {
    Training& other = t % 4 == 0 ? sam : none;
    other.problem.arena.home().copy_from(look.problem.arena.home());
    const Batch batch = look.problem.batch(t);
    look.problem.objective.begin_step(t, batch.size());
    other.problem.objective.begin_step(t, batch.size());
    look.rule->gradient(look.problem.objective, batch, g);
    other.rule->gradient(other.problem.objective, batch, expected);
    EXPECT_EQ(bits_of(g), bits_of(expected)) << t;
    look.base->step(g);
  }
}

}  // namespace
}  // namespace polder::optim
