#pragma once

#include <gtest/gtest.h>

#include "optim/quadratic.h"
#include "optim/support.h"
#include "polder/optim/sgd.h"

namespace polder::optim {

/// A rule against its closed form on random quadratics, float64.
class ClosedForm : public testing::TestWithParam<std::uint64_t> {
 protected:
  static constexpr std::int64_t kSize = 9, kRows = 7;

  Vector w = random_vector(kSize, "w", GetParam());
  nn::ParameterArena arena{quadratic_weights(w)};
  QuadraticObjective objective{arena};
  Batch batch = quadratic_batch(kRows, kSize, GetParam());
  Quadratic mean = quadratic_of(batch);

  double at_rate = 0.1;  // of rates between 0.01 and 0.1
  std::int64_t at_step = 0;
  StepReport report;
  Vector gradient_of(Rule&& rule) {
    Sgd base(arena);
    objective.set_course({.steps = 10, .steps_per_epoch = 2, .rate_min = 0.01, .rate_max = 0.1});
    rule.prepare(objective, base);
    objective.begin_step(at_step, kRows, Tensor::scalar(at_rate));
    Tensor g = arena.make_flat();
    report = rule.gradient(objective, batch, g);
    return dense(arena, g);
  }

  /// grad L(w + epsilon) and what is reported on the way, epsilon = rho T T g / ||T g||.
  struct Looked {
    Vector gradient;
    double loss, perturbed_loss, norm;
  };
  static Looked sharp_gradient(const Quadratic& form, const Vector& w, double rho,
                               const Vector& stretch) {
    Vector g = form.gradient(w), stretched = g;
    for (std::size_t i = 0; i < g.size(); ++i) stretched[i] *= stretch[i];
    const double length = norm(stretched);
    for (std::size_t i = 0; i < g.size(); ++i) g[i] *= stretch[i] * stretch[i];
    const Vector there = plus(rho / length, g, w);
    return {form.gradient(there), form.value(w), form.value(there), length};
  }
  void expect_report(const Looked& looked, double rho) {
    EXPECT_NEAR(report.loss.item(), looked.loss, 1e-12);
    EXPECT_NEAR(report.perturbed_loss.item(), looked.perturbed_loss, 1e-12);
    EXPECT_NEAR(report.gradient_norm.item(), looked.norm, 1e-12);
    EXPECT_EQ(report.radius.item(), rho);
    EXPECT_TRUE(report.perturbed);
  }
};

}  // namespace polder::optim

/// Declares the fixture Name, a ClosedForm, and runs it for several seeds.
#define POLDER_CLOSED_FORM(Name)     \
  class Name : public ClosedForm {}; \
  INSTANTIATE_TEST_SUITE_P(Seeds, Name, testing::Values(1, 2, 3))
