#include "polder/optim/adam.h"

#include <cmath>

namespace polder::optim {

Adam::Adam(nn::ParameterArena& arena, AdamOptions options)
    : BaseOptimizer(arena), options_(options), m_(arena.make_flat()), v_(arena.make_flat()) {
  const auto require_beta = [](const char* name, double beta) {
    require(beta >= 0.0 && beta < 1.0, "adam: {} is {}, want a number in [0, 1)", name, beta);
  };
  require_beta("beta1", options_.beta1);
  require_beta("beta2", options_.beta2);
  require(std::isfinite(options_.epsilon) && options_.epsilon > 0.0,
          "adam: epsilon is {}, want a finite number > 0", options_.epsilon);
  require(std::isfinite(options_.weight_decay) && options_.weight_decay >= 0.0,
          "adam: weight decay is {}, want a finite number >= 0", options_.weight_decay);
}

void Adam::step(const Tensor& g) {
  advance(g);
  kernels::backend_of(g).adam_update(coefficients(), rate(), g, arena().home(), m_, v_,
                                     arena().home_copy());
}

void Adam::apply_derivative(const Tensor& g, Tensor& q) const {
  require_stepped();
  kernels::backend_of(q).adam_derivative(coefficients(), rate(), g, arena().home(), m_, v_, q);
}

void Adam::visit_state(StateVisitor& visitor) {
  BaseOptimizer::visit_state(visitor);
  visitor.visit("m", m_);
  visitor.visit("v", v_);
}

kernels::AdamCoefficients Adam::coefficients() const {
  return {options_.beta1,        options_.beta2,     options_.epsilon,
          options_.weight_decay, options_.decoupled, steps()};
}

}  // namespace polder::optim
