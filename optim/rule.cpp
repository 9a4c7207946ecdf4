#include "polder/optim/rule.h"

#include <cmath>

namespace polder::optim {

void Rule::after_update(Objective&, const Batch&, const BaseOptimizer&, const Tensor&,
                        const Clipping&) {}

std::optional<std::int64_t> Rule::phase(std::int64_t) const { return 0; }

void Rule::visit_state(StateVisitor&) {}

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
