#pragma once

#include <memory>

#include "polder/core/state.h"
#include "polder/nn/parameter_arena.h"

namespace polder::optim {

/// Moves w by a gradient: one step of SGD, Adam, ... Never writes to g.
class BaseOptimizer {
 public:
  explicit BaseOptimizer(nn::ParameterArena& arena);
  virtual ~BaseOptimizer() = default;
  BaseOptimizer(const BaseOptimizer&) = delete;
  BaseOptimizer& operator=(const BaseOptimizer&) = delete;

  /// w <- w - rate Update(g) at home, decay included. Advances the step count.
  virtual void step(const Tensor& g) = 0;
  /// q <- D q, D = d Update / d G at the step just made, G the gradient it saw.
  /// Used to differentiate through the step; linear in q. D is diagonal, so it is its own adjoint.
  virtual void apply_derivative(const Tensor& g, Tensor& q) const = 0;
  /// False where the value of D says little (the first step of Adam: J has near-jumps there).
  virtual bool derivative_is_reliable() const { return true; }
  /// False when apply_derivative leaves terms out (trust ratios).
  virtual bool derivative_is_exact() const { return true; }
  virtual void visit_state(StateVisitor& visitor) = 0;

  /// Learning rate eta: 0-d float64 on the device. Throws Error when negative or not finite.
  void set_rate(double rate);
  const Tensor& rate() const { return rate_; }
  std::int64_t steps() const { return steps_; }

 protected:
  nn::ParameterArena& arena_;
  Tensor rate_;
  std::int64_t steps_ = 0;
};

}  // namespace polder::optim
