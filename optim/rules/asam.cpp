#include "polder/optim/rules/asam.h"

#include <cmath>

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

Asam::Scope parse_scope(const std::string& name) {
  if (name == "weights") return Asam::Scope::weights;
  if (name == "all") return Asam::Scope::all;
  fail("asam: scope '{}' is unknown, want weights or all", name);
}

}  // namespace polder::optim
