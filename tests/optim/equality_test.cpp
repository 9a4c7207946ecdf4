#include <cmath>

#include "optim/conformance.h"
#include "optim/reference.h"
#include "polder/optim/flat.h"

/// What every rule must be equal to: other rules under its identity settings, its reference, the
/// derivative by its radius.
namespace polder::optim {
namespace {

POLDER_EVERY_RULE(Equality);
POLDER_EVERY_RADIUS_RULE(Radius);

TEST_P(Equality, IsTheOtherRuleUnderItsIdentitySettings) {
  for (const Identity& identity : entry().identities) {
    std::string settings;
    for (const auto& [name, value] : identity.settings) settings += name + "=" + value + " ";
    SCOPED_TRACE(settings + "is " + identity.rule);
    if (identity.tolerance == 0.0) {
      EXPECT_EQ(trained(GetParam(), identity.settings),
                trained(identity.rule, identity.rule_settings));
      continue;
    }
    const NetOptions net{.dtype = DType::float64};
    Training left(GetParam(), Settings(identity.settings), net);
    Training right(identity.rule, Settings(identity.rule_settings), net);
    left.run_steps(20);
    right.run_steps(20);
    const auto found = left.problem.arena.home().to_vector<double>();
    const auto wanted = right.problem.arena.home().to_vector<double>();
    for (std::size_t i = 0; i < found.size(); ++i)
      ASSERT_NEAR(found[i], wanted[i], identity.tolerance * (1.0 + std::abs(wanted[i]))) << i;
  }
}

TEST_P(Equality, ItsTrialShowsItAtWork) {
  if (GetParam() == "none") GTEST_SKIP() << "it is what the others are held against";
  EXPECT_NE(trained(GetParam(), entry().trial), trained("none"));
}

TEST_P(Equality, AgreesWithItsReferenceOverFiftySteps) {
  EXPECT_LT(distance_to_reference(GetParam(), trial(), 50), 1e-9);
}

TEST_P(Equality, AgreesWithItsReferenceByDefault) {
  EXPECT_LT(distance_to_reference(GetParam(), {}, 50), 1e-9);
}

// ---- the radius ---------------------------------------------------------------------------------

TEST_P(Radius, TheRadiusMatters) {
  const double rho = std::stod(complete(entry(), trial()).text("rho"));
  const Settings other = trial_with("rho", fmt::format("{}", 0.5 * rho));
  EXPECT_NE(trained(GetParam(), entry().trial), trained(GetParam(), other.values()));
}

TEST_P(Radius, OneRadiusPerSegmentMayBeTheSameForAll) {
  Training one(GetParam(), trial()), many(GetParam(), trial());
  RadiusRule& rule = radius_rule_of(many);
  const std::vector<double> radii(many.problem.arena.segments().size(), rule.radius().item());
  rule.set_radius(Tensor::from(radii, {static_cast<std::int64_t>(radii.size())}));
  one.run_steps(5);
  many.run_steps(5);
  EXPECT_EQ(one.weight_bits(), many.weight_bits());
}

TEST_P(Radius, NegativeRadiusIsRefused) {
  nn::ParameterArena arena({{"w", Tensor::zeros({9})}});
  EXPECT_THROW(built_in_rules().make(GetParam(), trial_with("rho", "-0.1"), arena), Error);
}

TEST_P(Radius, RemembersItsRadius) {
  Training steered(GetParam(), trial()), resumed(GetParam(), trial());
  const double rho = 0.0123;
  radius_rule_of(steered).radius().write(std::span<const double>(&rho, 1));
  Memory memory;
  memory.save(steered);
  memory.load(resumed);
  EXPECT_EQ(radius_rule_of(resumed).radius().item(), rho);
}

/// Adds up share H u over the looks of a step.
class Tangent : public ExcursionObserver {
 public:
  explicit Tangent(const nn::ParameterArena& arena)
      : sum(arena.make_flat()), u_(arena.make_flat()) {}
  void arrived(Excursion& excursion, const Batch& rows, double share) override {
    ++looks;
    Objective& objective = excursion.objective();
    const nn::ParameterArena& arena = objective.arena();
    const Ascent& ascent = excursion.ascent();
    kernels::backend_of(u_).ascent_direction(arena.home(), ascent.direction, ascent.unit,
                                             ascent.metric, arena.table(), u_);
    objective.hessian_vector_product(rows, u_, sum, {.weight = share, .accumulate = true});
  }
  void looked(Excursion&, const Batch&, double, const Tensor&) override {}

  Tensor sum;
  int looks = 0;

 private:
  Tensor u_;
};

TEST_P(Radius, TheDerivativeByTheRadiusIsWhatItsLooksSay) {
  const NetOptions net{.dtype = DType::float64, .activation = "tanh"};
  Training watched(GetParam(), trial(), net);
  RadiusRule& rule = radius_rule_of(watched);
  if (!rule.inexact_because().empty()) GTEST_SKIP() << "inexact: " << rule.inexact_because();
  const double rho = rule.radius().item(), h = 1e-4 * rho;
  const auto gradient_at = [&](double radius) {
    Training moved(GetParam(), trial(), net);
    moved.run_steps(2);
    radius_rule_of(moved).radius().write(std::span<const double>(&radius, 1));
    Tensor g = moved.problem.arena.make_flat();
    moved.run_step_into(g);
    return g.to_vector<double>();
  };
  watched.run_steps(2);
  Tangent tangent(watched.problem.arena);
  watched.problem.objective.set_observer(&tangent);
  Tensor g = watched.problem.arena.make_flat();
  const StepReport report = watched.run_step_into(g);
  if (!report.perturbed) GTEST_SKIP() << "this step does not depend on the radius";
  EXPECT_GT(tangent.looks, 0);
  rule.map_tangent(tangent.sum);
  const auto found = tangent.sum.to_vector<double>();
  const auto above = gradient_at(rho + h), below = gradient_at(rho - h);
  double size = 0.0;
  for (const double value : found) size = std::max(size, std::abs(value));
  EXPECT_GT(size, 0.0);
  for (std::size_t i = 0; i < found.size(); ++i)
    ASSERT_NEAR(found[i], (above[i] - below[i]) / (2 * h), 1e-5 * size) << i;
}

TEST_P(Radius, TheAdjointOfItsMapIsTheAdjoint) {
  Training training(GetParam(), trial(), {.dtype = DType::float64});
  struct Nobody : ExcursionObserver {
    void arrived(Excursion&, const Batch&, double) override {}
    void looked(Excursion&, const Batch&, double, const Tensor&) override {}
  } nobody;
  training.problem.objective.set_observer(&nobody);  // rules may keep more when they are watched
  training.run_steps(3);
  const nn::ParameterArena& arena = training.problem.arena;
  const auto random = [&](const char* name) {
    Tensor x = arena.make_flat();
    draw_normal(arena, random_key(1, name), 1.0, x);
    return x;
  };
  const Tensor x = random("x"), y = random("y");
  Tensor ax = x.clone(), ay = y.clone();
  radius_rule_of(training).map_tangent(ax);
  radius_rule_of(training).map_adjoint(ay);
  EXPECT_NEAR(dot(ax, y).item(), dot(x, ay).item(), 1e-9);
}

}  // namespace
}  // namespace polder::optim
