#include "polder/optim/rules/friendly_sam.h"

#include <cmath>

#include "polder/optim/flat.h"
#include "polder/optim/registry.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

FriendlySam::FriendlySam(double rho, double sigma, double lambda, Device device)
    : RadiusRule(rho, device), sigma_(sigma), lambda_(lambda) {
  require(std::isfinite(sigma), "FriendlySam: sigma is {}, want a finite number", sigma);
  require(lambda >= 0.0 && lambda <= 1.0, "FriendlySam: lambda is {}, want a number in [0, 1]",
          lambda);
}

void FriendlySam::prepare(Objective& objective, const BaseOptimizer&) {
  m_ = objective.arena().make_flat();
  started_ = constant(0.0, objective.arena().device());
}

StepReport FriendlySam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  StepReport report{.radius = radius(), .perturbed = true};
  report.loss = objective.gradient(batch, g);  // g = grad L_B(w)
  // Whoever watches may compare the looks with g, whose place x takes.
  const Tensor clean = objective.observer() != nullptr ? g.clone() : Tensor();
  take_average_away(g);                                    // x = g - sigma m
  Ascent ascent = ascend(objective.arena(), g, radius());  // epsilon = rho x / (||x|| + c)
  ascent.clean = clean;
  Excursion away(objective, ascent);                // w + epsilon is active
  report.perturbed_loss = away.gradient(batch, g);  // G = grad L_B(w + epsilon)
  report.gradient_norm = ascent.norm;
  return report;
}

/// g <- x = g - sigma m, then m <- lambda m + (1 - lambda) g with g = x + sigma m. Before the first
/// average both factors are 0 and everything is exact: x = m = g.
void FriendlySam::take_average_away(Tensor& g) {
  const Tensor lambda = affine(started_, lambda_), sigma = affine(started_, sigma_);
  const Tensor rest = affine(lambda, -1.0, 1.0);
  add(affine(sigma, -1.0), m_, g);
  mix(rest, g, sum(lambda, product(rest, sigma)), m_);
  kernels::backend_of(started_).fill(1.0, started_);
}

void FriendlySam::visit_state(StateVisitor& visitor) {
  RadiusRule::visit_state(visitor);
  visitor.visit("average", m_);
  visitor.visit("started", started_);
}

RuleEntry friendly_sam_entry() {
  return {.name = "friendly_sam",
          .summary = "ascend along the batch's noise: the gradient without its moving average",
          .paper = "T. Li et al., CVPR 2024, arXiv 2403.12350",
          .parameters = {{"rho", "0.05", "radius of the ball"},
                         {"sigma", "1", "how much of the average is taken away"},
                         {"lambda", "0.9", "share of the old average that is kept a step"}},
          .cost_formula = "2 GE",
          .cost = [](const Settings&,
                     std::int64_t) { return RuleCost{.step = {.gradients = 2}, .kept = 1}; },
          .trial = {{"rho", "0.5"}, {"sigma", "0.8"}, {"lambda", "0.6"}},
          .identities = {{.settings = {{"rho", "0"}}, .rule = "none"},
                         {.settings = {{"rho", "0.3"}, {"sigma", "0"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.3"}}}},
          .make =
              [](const Settings& settings, nn::ParameterArena& arena) {
                return std::make_unique<FriendlySam>(settings.number("rho"),
                                                     settings.number("sigma"),
                                                     settings.number("lambda"), arena.device());
              }};
}

}  // namespace polder::optim
