#include <gmock/gmock.h>

#include <cmath>

#include "polder/lets/lets.h"
#include "polder/optim/rules/m_sharp_sam.h"
#include "polder/optim/rules/sam.h"
#include "polder/optim/sgd.h"
#include "polder/optim/training_step.h"
#include "quadratics.h"

namespace polder::lets {
namespace {

constexpr std::size_t kWeights = 7;
constexpr double kRate = 0.1;

LetsOptions still(Curvature curvature) {
  LetsOptions options;
  options.curvature = curvature;
  options.radius.learning_rate = 0.0;
  options.difference_step = 0.1;  // a quadratic has no truncation error: wide is exact
  return options;
}

/// One step of `lets` over a rule with plain SGD from w, on `training` against `validation`.
struct Problem {
  Vector w;
  std::vector<Quadratic> problems;
  Batch training, validation, fresh_training{};

  UpperSlope slope(std::unique_ptr<optim::RadiusRule> rule, const LetsOptions& options) const {
    nn::ParameterArena arena({{"w", Tensor::from(w, {static_cast<std::int64_t>(w.size())})}});
    QuadraticObjective objective(arena, problems);
    objective.validation = validation;
    objective.fresh_training = fresh_training;
    optim::Sgd base(arena, {.momentum = 0.0});
    base.set_rate(kRate);
    Lets lets(std::move(rule), options, arena);
    optim::TrainingStep(objective, lets, base).run(training, 0);
    return lets.last_upper();
  }
};

/// rho -> w+, written down from the paper's algorithm for one quadratic.
Vector sam_step(const Quadratic& problem, const Vector& w, double rho) {
  const Vector g = problem.gradient(w);
  const Vector p = plus(w, rho / std::sqrt(inner(g, g)), g);
  return plus(w, -kRate, problem.gradient(p));
}

double upper_objective(const Quadratic& upper, const Quadratic& lower, const Vector& w_plus) {
  return 0.5 * std::pow(upper.value(w_plus) - lower.value(w_plus), 2);
}

class Quadratics : public testing::TestWithParam<std::uint64_t> {
 protected:
  Quadratic lower_ = random_quadratic(kWeights, GetParam(), "lower");
  Quadratic upper_ = random_quadratic(kWeights, GetParam(), "upper");
  Vector w_ = normal_values(kWeights, "w", GetParam());
  Problem problem_{w_, {lower_, upper_}, rows_of({0}), rows_of({1})};
};

INSTANTIATE_TEST_SUITE_P(Seeds, Quadratics, testing::Values(1, 2, 3, 4));

TEST_P(Quadratics, HypergradientHasItsClosedForm) {
  const double rho = 0.3;
  const Vector g = lower_.gradient(w_);
  const Vector w_plus = sam_step(lower_, w_, rho);
  const double gap = upper_.value(w_plus) - lower_.value(w_plus);
  const Vector au = lower_.times(plus(Vector(kWeights), 1.0 / std::sqrt(inner(g, g)), g));
  const Vector v_minus_r = plus(upper_.gradient(w_plus), -1.0, lower_.gradient(w_plus));
  const double expected = -kRate * gap * inner(v_minus_r, au);

  for (const Curvature way : {Curvature::exact, Curvature::finite_difference, Curvature::secant}) {
    SCOPED_TRACE(std::string(to_string(way)));
    const UpperSlope found = problem_.slope(std::make_unique<optim::Sam>(rho), still(way));
    EXPECT_NEAR(found.gap.item(), gap, 1e-12 * std::abs(gap));
    EXPECT_NEAR(found.slope.item(), expected, 1e-10 * std::abs(expected));
  }
}

TEST_P(Quadratics, DefaultDifferenceStepCostsFewDigits) {
  LetsOptions options = still(Curvature::exact);
  const double exact = problem_.slope(std::make_unique<optim::Sam>(0.3), options).slope.item();
  options.curvature = Curvature::finite_difference;
  options.difference_step = 0.0;  // 1e-5 in float64
  const double found = problem_.slope(std::make_unique<optim::Sam>(0.3), options).slope.item();
  EXPECT_NEAR(found, exact, 1e-7 * std::abs(exact));
}

TEST_P(Quadratics, SquaredGradientIsItsFormula) {
  const double rho = 0.3;
  const Vector g = lower_.gradient(w_);
  const double norm = std::sqrt(inner(g, g));
  const Vector g_p = lower_.gradient(plus(w_, rho / norm, g));
  const Vector w_plus = plus(w_, -kRate, g_p);
  const double gap = upper_.value(w_plus) - lower_.value(w_plus);
  const Vector v_minus_r = plus(upper_.gradient(w_plus), -1.0, lower_.gradient(w_plus));
  double product = 0.0;
  for (std::size_t i = 0; i < kWeights; ++i)
    product += v_minus_r[i] * g_p[i] * g_p[i] * g[i] / norm;

  const UpperSlope found =
      problem_.slope(std::make_unique<optim::Sam>(rho), still(Curvature::squared_gradient));
  EXPECT_NEAR(found.slope.item(), -kRate * gap * product, 1e-11 * std::abs(kRate * gap * product));
}

TEST_P(Quadratics, FreshBatchReplacesTheStepsOwnInTheGapAlone) {
  const double rho = 0.3;
  Problem problem = problem_;
  problem.problems.push_back(random_quadratic(kWeights, GetParam(), "fresh"));
  problem.fresh_training = rows_of({2});
  const Quadratic& fresh = problem.problems[2];
  const Vector g = lower_.gradient(w_);
  const Vector w_plus = sam_step(lower_, w_, rho);
  const double gap = upper_.value(w_plus) - fresh.value(w_plus);
  const Vector hu = lower_.times(plus(Vector(kWeights), 1.0 / std::sqrt(inner(g, g)), g));
  const Vector v_minus_r = plus(upper_.gradient(w_plus), -1.0, fresh.gradient(w_plus));
  const double expected = -kRate * gap * inner(v_minus_r, hu);
  for (const bool per_segment : {false, true}) {
    SCOPED_TRACE(per_segment);
    LetsOptions options = still(Curvature::exact);
    options.gap_batch = GapBatch::fresh;
    options.per_segment = per_segment;
    const UpperSlope found = problem.slope(std::make_unique<optim::Sam>(rho), options);
    EXPECT_NEAR(found.gap.item(), gap, 1e-12 * std::abs(gap));
    EXPECT_NEAR(found.slope.item(), expected, 1e-10 * std::abs(expected));
  }
}

TEST_P(Quadratics, TheValidationLossHasItsClosedFormToo) {
  const double rho = 0.3;
  const Vector g = lower_.gradient(w_);
  const Vector w_plus = sam_step(lower_, w_, rho);
  const Vector au = lower_.times(plus(Vector(kWeights), 1.0 / std::sqrt(inner(g, g)), g));
  const double expected = -kRate * inner(upper_.gradient(w_plus), au);
  for (const bool per_segment : {false, true}) {
    SCOPED_TRACE(per_segment);
    LetsOptions options = still(Curvature::exact);
    options.upper_objective = UpperObjective::validation_loss;
    options.gap_batch = GapBatch::fresh;  // has no say: there is no gap
    options.per_segment = per_segment;
    const UpperSlope found = problem_.slope(std::make_unique<optim::Sam>(rho), options);
    EXPECT_NEAR(found.validation_loss.item(), upper_.value(w_plus), 1e-11);
    EXPECT_FALSE(found.gap.defined());
    EXPECT_NEAR(found.slope.item(), expected, 1e-10 * std::abs(expected));
  }
}

// J is a polynomial of degree 4 in rho, so its slope is one of degree 3: the fourth difference of
// the slope vanishes and its integral by Simpson's rule is the rise of J, both without truncation.
TEST_P(Quadratics, SlopeIntegratesToAQuartic) {
  const double h = 0.1;
  std::vector<double> slopes;
  for (int i = 0; i < 5; ++i)
    slopes.push_back(
        problem_.slope(std::make_unique<optim::Sam>(0.2 + h * i), still(Curvature::exact))
            .slope.item());
  const double size = std::abs(slopes[0]) + std::abs(slopes[4]);
  EXPECT_NEAR(slopes[0] - 4 * slopes[1] + 6 * slopes[2] - 4 * slopes[3] + slopes[4], 0.0,
              1e-12 * size);
  const double integral =
      h / 3 * (slopes[0] + 4 * slopes[1] + 2 * slopes[2] + 4 * slopes[3] + slopes[4]);
  const double rise = upper_objective(upper_, lower_, sam_step(lower_, w_, 0.2 + 4 * h)) -
                      upper_objective(upper_, lower_, sam_step(lower_, w_, 0.2));
  EXPECT_NEAR(integral, rise, 1e-12 * (std::abs(rise) + size));
}

TEST_P(Quadratics, ShardsAddUpTheirOwnCurvatures) {
  const std::uint64_t seed = GetParam();
  Problem sharded = problem_;
  sharded.problems.push_back(random_quadratic(kWeights, seed, "other"));
  sharded.training = rows_of({0, 2, 0});  // shards {0} and {2, 0} of unequal size
  const Quadratic& first = sharded.problems[0];
  Quadratic second = sharded.problems[2];  // mean of 2 and 0
  for (std::size_t i = 0; i < kWeights; ++i) {
    second.b[i] = 0.5 * (second.b[i] + first.b[i]);
    for (std::size_t j = 0; j < kWeights; ++j)
      second.a[i][j] = 0.5 * (second.a[i][j] + first.a[i][j]);
  }
  const double rho = 0.3;
  Vector gradient(kWeights), tangent(kWeights);
  for (const auto& [shard, share] : {std::pair{first, 1.0 / 3.0}, std::pair{second, 2.0 / 3.0}}) {
    const Vector g = shard.gradient(w_);
    const Vector u = plus(Vector(kWeights), 1.0 / std::sqrt(inner(g, g)), g);
    gradient = plus(gradient, share, shard.gradient(plus(w_, rho, u)));
    tangent = plus(tangent, share, shard.times(u));
  }
  const Vector w_plus = plus(w_, -kRate, gradient);
  const auto training_loss = [&](auto f) {
    return (2.0 * f(sharded.problems[0]) + f(sharded.problems[2])) / 3.0;
  };
  const double gap =
      upper_.value(w_plus) - training_loss([&](const Quadratic& q) { return q.value(w_plus); });
  double product = 0.0;
  const Vector v = upper_.gradient(w_plus);
  for (std::size_t i = 0; i < kWeights; ++i)
    product += tangent[i] *
               (v[i] - training_loss([&](const Quadratic& q) { return q.gradient(w_plus)[i]; }));

  for (const Curvature way : {Curvature::exact, Curvature::finite_difference, Curvature::secant}) {
    SCOPED_TRACE(std::string(to_string(way)));
    const UpperSlope found = sharded.slope(std::make_unique<optim::MSharpSam>(2, rho), still(way));
    EXPECT_NEAR(found.slope.item(), -kRate * gap * product,
                1e-10 * std::abs(kRate * gap * product));
  }
}

/// A rule whose map is neither the identity nor symmetric: G = g_p + (g_p moved on by one place).
class Mixing final : public optim::RadiusRule {
 public:
  Mixing(double rho) : RadiusRule(rho) {}
  optim::StepReport gradient(optim::Objective& objective, const Batch& batch, Tensor& g) override {
    objective.gradient(batch, g);
    optim::Excursion away(objective, optim::ascend(objective.arena(), g, radius()));
    away.gradient(batch, g);
    map_tangent(g);
    return {.loss = {},
            .perturbed_loss = {},
            .gradient_norm = {},
            .radius = radius(),
            .perturbed = true};
  }
  void map_tangent(Tensor& x) const override { mix(x, kWeights - 1); }
  void map_adjoint(Tensor& x) const override { mix(x, 1); }

 private:
  static void mix(Tensor& x, std::size_t distance) {
    const auto old = x.to_vector<double>();
    for (std::size_t i = 0; i < kWeights; ++i)
      x.data<double>()[i] += old[(i + distance) % kWeights];
  }
};

TEST_P(Quadratics, RulesThatMixGradientsAreFollowedThroughTheirMap) {
  const double rho = 0.3, h = 1e-3;
  const auto objective_at = [&](double radius) {
    const Vector g = lower_.gradient(w_);
    const Vector g_p = lower_.gradient(plus(w_, radius / std::sqrt(inner(g, g)), g));
    Vector mixed = g_p;
    for (std::size_t i = 0; i < kWeights; ++i) mixed[i] += g_p[(i + kWeights - 1) % kWeights];
    return upper_objective(upper_, lower_, plus(w_, -kRate, mixed));
  };
  const auto rise = [&](double d) { return objective_at(rho + d) - objective_at(rho - d); };
  const double expected = (8.0 * rise(h) - rise(2.0 * h)) / (12.0 * h);
  for (const bool per_segment : {false, true}) {
    SCOPED_TRACE(per_segment);
    LetsOptions options = still(Curvature::exact);
    options.per_segment = per_segment;
    const double found = problem_.slope(std::make_unique<Mixing>(rho), options).slope.item();
    EXPECT_NEAR(found, expected, 1e-8 * std::abs(expected));
  }
}

TEST_P(Quadratics, SameBatchOnBothSidesHasNoSlope) {
  problem_.validation = problem_.training;
  for (const Curvature way : kCurvatures) {
    SCOPED_TRACE(std::string(to_string(way)));
    const UpperSlope found = problem_.slope(std::make_unique<optim::Sam>(0.3), still(way));
    EXPECT_EQ(found.gap.item(), 0.0);
    EXPECT_EQ(found.slope.item(), 0.0);
  }
}

TEST_P(Quadratics, OneSegmentHasTheScalarSlope) {
  for (const Curvature way :
       {Curvature::exact, Curvature::finite_difference, Curvature::squared_gradient}) {
    SCOPED_TRACE(std::string(to_string(way)));
    LetsOptions options = still(way);
    const double scalar = problem_.slope(std::make_unique<optim::Sam>(0.3), options).slope.item();
    options.per_segment = true;
    const Tensor by_segment = problem_.slope(std::make_unique<optim::Sam>(0.3), options).slope;
    ASSERT_EQ(by_segment.shape(), (Shape{1}));
    EXPECT_NEAR(by_segment.item(), scalar, 1e-10 * std::abs(scalar));
  }
}

}  // namespace
}  // namespace polder::lets
