#include "polder/optim/rules/curvature_sam.h"

#include <limits>

#include "optim/closed_form.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(CurvatureSamClosedForm);

TEST_P(CurvatureSamClosedForm, OnAQuadraticOnlyTheFirstDifferenceIsLeft) {
  // g+ + g- - 2 g0 = 0 and g+ - g- = 2 H epsilon: G = g + (1 + 2 beta) H epsilon.
  const Vector g = mean.gradient(w);
  const Vector moved = mean.times(plus(0.3 / norm(g), g, Vector(kSize, 0.0)));
  for (const double gamma : {0.0, 0.1, 7.0})
    EXPECT_THAT(gradient_of(CurvatureSam(0.3, gamma, 0.25)), Near(plus(1.5, moved, g), 1e-11));
  expect_report(sharp_gradient(mean, w, 0.3, Vector(kSize, 1.0)), 0.3);
  EXPECT_DOUBLE_EQ(objective.work().gradients, 9.0);  // 3 for each gamma
}

TEST_P(CurvatureSamClosedForm, LooksAtMirroredPoints) {
  gradient_of(CurvatureSam(0.3));
  ASSERT_EQ(objective.diary.size(), 3U);
  const Vector ahead = plus(-1.0, w, objective.diary[1].weights);
  const Vector behind = plus(-1.0, w, objective.diary[2].weights);
  EXPECT_NEAR(norm(ahead), 0.3, 1e-12);
  EXPECT_THAT(plus(1.0, ahead, behind), Near(Vector(kSize, 0.0), 1e-15));
  for (std::size_t pass = 0; pass < 3; ++pass)
    EXPECT_EQ(objective.diary[pass].moved_statistics, pass == 0);
}

/// L(w) = sum_i (t w_i^2 / 2 + s w_i^3 / 6), for every row alike: a third derivative.
class CubicObjective : public Objective {
 public:
  static constexpr double kT = 0.7, kS = 1.3;
  using Objective::Objective;

 protected:
  Tensor add_gradient(const Batch& rows, const RowWeights& seeds_of, PassPlan plan,
                      Tensor& g) override {
    const Tensor losses = per_sample_losses(rows, plan);
    double seed = 0.0;
    for (const double part : seeds_of(losses).to_vector<double>()) seed += part;
    Vector slope = dense(arena(), arena().active());
    for (double& x : slope) x = seed * (kT * x + 0.5 * kS * x * x);
    const Tensor flat = flat_of(arena(), slope);
    kernels::backend_of(g).axpby(1.0, flat, 1.0, g);
    return losses;
  }
  Tensor per_sample_losses(const Batch& rows, PassPlan) override {
    double loss = 0.0;
    for (const double x : dense(arena(), arena().active()))
      loss += kT * x * x / 2 + kS * x * x * x / 6;
    return Tensor::from(Vector(static_cast<std::size_t>(rows.size()), loss), {rows.size()});
  }
  void add_hessian_product(const Batch&, double, PassPlan, const Tensor&, Tensor&) override {
    fail("CubicObjective: no products");
  }
};

TEST_P(CurvatureSamClosedForm, OnACubicTheSecondDifferenceIsTheThirdDerivative) {
  CubicObjective cubic(arena);
  cubic.begin_step(0, kRows);
  Vector g = w;
  for (double& x : g) x = CubicObjective::kT * x + 0.5 * CubicObjective::kS * x * x;
  const auto at = [&](double gamma) {
    Tensor out = arena.make_flat();
    CurvatureSam(0.3, gamma, 0.0).gradient(cubic, batch, out);
    return dense(arena, out);
  };
  Vector expected = at(0.0);
  for (std::size_t i = 0; i < g.size(); ++i) {
    const double epsilon = 0.3 * g[i] / norm(g);
    expected[i] += 0.5 * CubicObjective::kS * epsilon * epsilon;  // gamma D^3 L[epsilon, epsilon]
  }
  EXPECT_THAT(at(0.5), Near(expected, 1e-12));
}

TEST_P(CurvatureSamClosedForm, RefusesWeightsThatAreNoNumbers) {
  EXPECT_EQ(error_of([] { CurvatureSam(0.1, 0.1, std::numeric_limits<double>::infinity()); }),
            "CurvatureSam: gamma is 0.1 and beta is inf, want finite numbers");
}

}  // namespace
}  // namespace polder::optim
