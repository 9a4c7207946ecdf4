#include "polder/optim/amsgrad.h"

#include <cmath>

#include "polder/optim/flat.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

using kernels::Backend;
using kernels::backend_of;
using kernels::Binary;
using kernels::Broadcast;
using kernels::Unary;

Amsgrad::Amsgrad(nn::ParameterArena& arena, AmsgradOptions options)
    : BaseOptimizer(arena),
      options_(options),
      m_(arena.make_flat()),
      v_(arena.make_flat()),
      vmax_(arena.make_flat()) {
  const auto require_beta = [](const char* name, double beta) {
    require(beta >= 0.0 && beta < 1.0, "amsgrad: {} is {}, want a number in [0, 1)", name, beta);
  };
  require_beta("beta1", options_.beta1);
  require_beta("beta2", options_.beta2);
  require(std::isfinite(options_.epsilon) && options_.epsilon > 0.0,
          "amsgrad: epsilon is {}, want a finite number > 0", options_.epsilon);
  require(std::isfinite(options_.weight_decay) && options_.weight_decay >= 0.0,
          "amsgrad: weight decay is {}, want a finite number >= 0", options_.weight_decay);
  backend_of(vmax_).fill(options_.epsilon * options_.epsilon, vmax_);
}

/// m / sqrt(vmax)
Tensor Amsgrad::update() const {
  Tensor update = vmax_.clone();
  backend_of(update).unary(Unary::rsqrt, update, update);
  multiply(m_, update);
  return update;
}

void Amsgrad::step(const Tensor& g) {
  advance(g);
  Tensor total = g.clone();
  if (options_.weight_decay != 0.0) add(options_.weight_decay, arena().home(), total);
  mix(1.0 - options_.beta1, total, options_.beta1, m_);
  multiply(total, total);
  mix(1.0 - options_.beta2, total, options_.beta2, v_);
  backend_of(g).binary(Binary::max, vmax_, v_, Broadcast::none, vmax_);
  add(affine(rate(), -1.0), update(), arena().home());
  arena().refresh_home_copy();
}

/// q <- (1 - b1 - [v = vmax] (1 - b2) G m / vmax) q / sqrt(vmax)
void Amsgrad::apply_derivative(const Tensor& g, Tensor& q) const {
  require_stepped();
  Backend& backend = backend_of(q);
  Tensor factor = g.clone(), raised = vmax_.clone(), root = vmax_.clone();
  if (options_.weight_decay != 0.0) {  // G = g + lambda w_before, w_before = w + rate Update
    add(options_.weight_decay, arena().home(), factor);
    add(affine(rate(), options_.weight_decay), update(), factor);
  }
  backend.binary(Binary::sub, raised, v_, Broadcast::none, raised);
  backend.unary(Unary::step, raised, raised);
  backend.affine(raised, -1.0, 1.0, raised);
  multiply(m_, factor);
  multiply(raised, factor);
  backend.binary(Binary::div, factor, vmax_, Broadcast::none, factor);
  backend.affine(factor, options_.beta2 - 1.0, 1.0 - options_.beta1, factor);
  multiply(factor, q);
  backend.unary(Unary::rsqrt, root, root);
  multiply(root, q);
}

void Amsgrad::visit_state(StateVisitor& visitor) {
  BaseOptimizer::visit_state(visitor);
  visitor.visit("m", m_);
  visitor.visit("v", v_);
  visitor.visit("vmax", vmax_);
}

}  // namespace polder::optim
