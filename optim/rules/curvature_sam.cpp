#include "polder/optim/rules/curvature_sam.h"

#include <cmath>

#include "polder/optim/flat.h"
#include "polder/optim/registry.h"

namespace polder::optim {

CurvatureSam::CurvatureSam(double rho, double gamma, double beta, Device device)
    : RadiusRule(rho, device), gamma_(gamma), beta_(beta) {
  require(std::isfinite(gamma) && std::isfinite(beta),
          "CurvatureSam: gamma is {} and beta is {}, want finite numbers", gamma, beta);
}

StepReport CurvatureSam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  const nn::ParameterArena& arena = objective.arena();
  if (!here_.defined()) here_ = arena.make_flat();
  if (!behind_.defined()) behind_ = arena.make_flat();
  StepReport report{.radius = radius(), .perturbed = true};
  report.loss = objective.gradient(batch, here_);        // g0 = grad L_B(w)
  const Ascent ascent = ascend(arena, here_, radius());  // epsilon = rho g0 / (||g0|| + c)
  Ascent mirrored = opposite(ascent);                    // -epsilon
  mirrored.clean = here_;
  {
    Excursion away(objective, ascent);
    report.perturbed_loss = away.gradient(batch, g, 1.0 + gamma_ + beta_);  // g+
    away.jump(mirrored);
    away.gradient(batch, behind_, gamma_ - beta_);  // g-
  }
  // In brackets, so that equal gradients cancel exactly.
  mix(1.0, g, -2.0, here_);    // g+ - 2 g0
  add(1.0, behind_, here_);    // g+ + g- - 2 g0
  mix(1.0, g, -1.0, behind_);  // g+ - g-
  add(gamma_, here_, g);
  add(beta_, behind_, g);
  report.gradient_norm = ascent.norm;
  return report;
}

RuleEntry curvature_sam_entry() {
  return {.name = "curvature_sam",
          .summary = "penalise curvature along the gradient, by a third gradient",
          .paper = "Wu, Luo, Wunsch, AAAI 2024, arXiv 2312.13555",
          .parameters = {{"rho", "0.1", "radius of the ball"},
                         {"gamma", "0.1", "weight of the second difference"},
                         {"beta", "0.01", "weight of the first difference"}},
          .cost_formula = "3 GE",
          .cost = [](const Settings&,
                     std::int64_t) { return RuleCost{.step = {.gradients = 3}, .scratch = 2}; },
          .trial = {{"rho", "0.5"}, {"gamma", "0.4"}, {"beta", "0.2"}},
          .identities = {{.settings = {{"rho", "0"}}, .rule = "none"},
                         {.settings = {{"rho", "0.3"}, {"gamma", "0"}, {"beta", "0"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.3"}}}},
          .make =
              [](const Settings& settings, nn::ParameterArena& arena) {
                return std::make_unique<CurvatureSam>(settings.number("rho"),
                                                      settings.number("gamma"),
                                                      settings.number("beta"), arena.device());
              }};
}

}  // namespace polder::optim
