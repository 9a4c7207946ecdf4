#include "polder/optim/rules/vasso.h"

#include "polder/optim/flat.h"
#include "polder/optim/registry.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

Vasso::Vasso(double rho, double theta, Device device) : RadiusRule(rho, device), theta_(theta) {
  require(theta >= 0.0 && theta <= 1.0, "Vasso: theta is {}, want a number in [0, 1]", theta);
}

void Vasso::prepare(Objective& objective, const BaseOptimizer&) {
  m_ = objective.arena().make_flat();
  started_ = constant(0.0, objective.arena().device());
}

StepReport Vasso::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  StepReport report{.radius = radius(), .perturbed = true};
  report.loss = objective.gradient(batch, g);         // g = grad L_B(w)
  const Tensor old = affine(started_, 1.0 - theta_);  // 0 on the first step
  mix(affine(old, -1.0, 1.0), g, old, m_);            // m <- (1 - theta) m + theta g
  kernels::backend_of(started_).fill(1.0, started_);
  Ascent ascent = ascend(objective.arena(), m_, radius());  // epsilon = rho m / (||m|| + c)
  ascent.clean = g;
  Excursion away(objective, ascent);                // w + epsilon is active
  report.perturbed_loss = away.gradient(batch, g);  // G = grad L_B(w + epsilon)
  report.gradient_norm = ascent.norm;
  return report;
}

void Vasso::visit_state(StateVisitor& visitor) {
  RadiusRule::visit_state(visitor);
  visitor.visit("average", m_);
  visitor.visit("started", started_);
}

RuleEntry vasso_entry() {
  return {.name = "vasso",
          .summary = "ascend along a moving average of gradients",
          .paper = "B. Li, Giannakis, NeurIPS 2023, arXiv 2309.15639",
          .parameters = {{"rho", "0.2", "radius of the ball"},
                         {"theta", "0.9", "weight of the new gradient in the average"}},
          .cost_formula = "2 GE",
          .cost = [](const Settings&,
                     std::int64_t) { return RuleCost{.step = {.gradients = 2}, .kept = 1}; },
          .trial = {{"rho", "0.5"}, {"theta", "0.3"}},
          .identities = {{.settings = {{"rho", "0"}}, .rule = "none"},
                         {.settings = {{"rho", "0.3"}, {"theta", "1"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.3"}}}},
          .make =
              [](const Settings& settings, nn::ParameterArena& arena) {
                return std::make_unique<Vasso>(settings.number("rho"), settings.number("theta"),
                                               arena.device());
              }};
}

}  // namespace polder::optim
