#include "polder/optim/rules/asam.h"

#include <cmath>

#include "polder/optim/registry.h"

namespace polder::optim {

Asam::Asam(double rho, double xi, Scope scope, Device device)
    : RadiusRule(rho, device),
      metric_{.adaptive = true, .xi = xi, .everywhere = scope == Scope::all} {
  require(std::isfinite(xi) && xi >= 0.0, "Asam: xi is {}, want a finite number >= 0", xi);
}

StepReport Asam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  StepReport report{.radius = radius(), .perturbed = true};
  report.loss = objective.gradient(batch, g);  // g = grad L_B(w)
  const Ascent ascent =
      ascend(objective.arena(), g, radius(), metric_);  // rho T T g / (||T g|| + c)
  Excursion away(objective, ascent);                    // w + epsilon is active
  report.perturbed_loss = away.gradient(batch, g);      // G = grad L_B(w + epsilon)
  report.gradient_norm = ascent.norm;
  return report;  // coming home: w is active again
}

RuleEntry asam_entry() {
  using Scope = Asam::Scope;
  return {
      .name = "asam",
      .summary = "sam with a ball measured in units of the weights",
      .paper = "Kwon, Kim, Park, Choi, ICML 2021, arXiv 2102.11600",
      .parameters = {{"rho", "0.5", "radius of the ball, in units of the weights"},
                     {"xi", "0.01", "added to |w|, so that zero weights move too"},
                     {"scope", "weights", "weights, or all: biases and shifts scale too"}},
      .cost_formula = "2 GE",
      .cost = [](const Settings&, std::int64_t) { return RuleCost{.step = {.gradients = 2}}; },
      .trial = {{"rho", "5"}},
      .identities = {{.settings = {{"rho", "0"}}, .rule = "none"},
                     {.settings = {{"rho", "0"}, {"xi", "0"}, {"scope", "all"}}, .rule = "none"}},
      .make =
          [](const Settings& settings, nn::ParameterArena& arena) {
            return std::make_unique<Asam>(
                settings.number("rho"), settings.number("xi"),
                settings.choice<Scope>("scope", {{"weights", Scope::weights}, {"all", Scope::all}}),
                arena.device());
          }};
}

}  // namespace polder::optim
