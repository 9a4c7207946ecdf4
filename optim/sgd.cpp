#include "polder/optim/sgd.h"

#include <cmath>

namespace polder::optim {

Sgd::Sgd(nn::ParameterArena& arena, SgdOptions options) : BaseOptimizer(arena), options_(options) {
  const auto& [mu, tau, lambda, nesterov] = options_;
  require(mu >= 0.0 && mu < 1.0, "sgd: momentum is {}, want a number in [0, 1)", mu);
  require(tau >= 0.0 && tau <= 1.0, "sgd: dampening is {}, want a number in [0, 1]", tau);
  require(std::isfinite(lambda) && lambda >= 0.0,
          "sgd: weight decay is {}, want a finite number >= 0", lambda);
  require(!nesterov || (mu > 0.0 && tau == 0.0),
          "sgd: nesterov with momentum {} and dampening {}, want momentum > 0 and no dampening", mu,
          tau);
  if (has_momentum()) momentum_ = arena.make_flat();
}

void Sgd::step(const Tensor& g) {
  advance(g);
  const kernels::SgdCoefficients coefficients{.momentum = options_.momentum,
                                              .dampening = options_.dampening,
                                              .weight_decay = options_.weight_decay,
                                              .nesterov = options_.nesterov,
                                              .first = steps() == 1};
  kernels::backend_of(g).sgd_update(coefficients, rate(), g, arena().home(), momentum_,
                                    arena().home_copy());
}

void Sgd::apply_derivative(const Tensor&, Tensor& q) const {
  require_stepped();
  if (!has_momentum()) return;
  const double dm = steps() == 1 ? 1.0 : 1.0 - options_.dampening;
  const double d = options_.nesterov ? 1.0 + options_.momentum * dm : dm;
  kernels::backend_of(q).affine(q, d, 0.0, q);
}

const Tensor& Sgd::momentum() const {
  return has_momentum() ? momentum_ : BaseOptimizer::momentum();
}

void Sgd::visit_state(StateVisitor& visitor) {
  BaseOptimizer::visit_state(visitor);
  if (has_momentum()) visitor.visit("momentum", momentum_);
}

}  // namespace polder::optim
