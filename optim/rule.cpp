#include "polder/optim/rule.h"

#include <cmath>

#include "polder/optim/base_optimizer.h"

namespace polder::optim {

void Rule::prepare(Objective&, const BaseOptimizer&) {}

void Rule::after_update(Objective&, const Batch&, const BaseOptimizer&, const Tensor&,
                        const Clipping&) {}

std::optional<std::int64_t> Rule::phase(std::int64_t) const { return 0; }

StepReport Rule::step(Objective& objective, const Batch& batch, BaseOptimizer& base, double clip,
                      Tensor& g) {
  StepReport report = gradient(objective, batch, g);
  const Clipping clipping = clip_gradient(clip, g);
  base.step(g);
  after_update(objective, batch, base, g, clipping);
  return report;
}

Snapshot* Rule::averaged(Objective&) { return nullptr; }

void Rule::visit_state(StateVisitor&) {}

StepReport DrivingRule::gradient(Objective&, const Batch&, Tensor&) {
  fail(
      "DrivingRule: this rule moves the weights itself and has no one gradient to hand over; run "
      "it by TrainingStep");
}

RadiusRule::RadiusRule(double rho, Device device) : rho_(Tensor::scalar(rho, device)) {
  require(std::isfinite(rho) && rho >= 0.0, "RadiusRule: rho is {}, want a finite number >= 0",
          rho);
}

void RadiusRule::set_radius(Tensor rho) {
  require(rho.defined() && rho.dtype() == DType::float64 && rho.rank() <= 1,
          "RadiusRule::set_radius: rho is {} {}, want float64 [] or [segments]", rho.dtype(),
          rho.shape());
  rho_ = std::move(rho);
}

void RadiusRule::map_tangent(Tensor&) const {}

void RadiusRule::map_adjoint(Tensor&) const {}

void RadiusRule::visit_state(StateVisitor& visitor) { visitor.visit("rho", rho_); }

}  // namespace polder::optim
