#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

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
  /// q <- D q, D = d Update / d G at the step just made, g the gradient it saw.
  /// Used to differentiate through the step; linear in q. D is diagonal, so it is its own adjoint.
  /// Throws Error before the first step.
  virtual void apply_derivative(const Tensor& g, Tensor& q) const = 0;
  /// False where the value of D says little (the first step of Adam jumps where g changes sign).
  virtual bool derivative_is_reliable() const { return true; }
  /// False when apply_derivative leaves terms out (trust ratios).
  virtual bool derivative_is_exact() const { return true; }
  /// The averaged gradient that the last step left behind: SGD's momentum, Adam's first moment;
  /// zero before the first step. Throws Error when the optimizer keeps none.
  virtual const Tensor& momentum() const;
  /// Step count and moments; the learning rate belongs to the schedule.
  virtual void visit_state(StateVisitor& visitor);

  /// Learning rate eta: 0-d float64 on the device. Throws Error when negative or not finite.
  void set_rate(double rate);
  const Tensor& rate() const { return rate_; }
  /// Steps made so far.
  std::int64_t steps() const { return steps_; }
  /// For who replays or takes back steps: `steps` have been made.
  void set_steps(std::int64_t steps) { steps_ = steps; }

 protected:
  nn::ParameterArena& arena() const { return arena_; }
  /// Opens step k = steps(), counted from 1. Throws Error when g does not fit or w is not home.
  void advance(const Tensor& g);
  void require_stepped() const;

 private:
  nn::ParameterArena& arena_;
  Tensor rate_;
  std::int64_t steps_ = 0;
};

/// Settings of every base optimizer; each reads its own.
struct BaseOptions {
  double weight_decay = 0.0;  // lambda
  double momentum = 0.9;      // sgd: mu
  double dampening = 0.0;     // sgd: tau
  bool nesterov = false;      // sgd
  double beta1 = 0.9;         // adam, adamw, amsgrad
  double beta2 = 0.999;       // adam, adamw, amsgrad
  double epsilon = 1e-8;      // adam, adamw, amsgrad
};

/// "sgd", "adam" (coupled decay), "adamw" (decoupled decay), "amsgrad" (coupled decay).
std::vector<std::string> base_optimizer_names();
/// Throws Error naming the nearest known optimizer, or the value out of range.
std::unique_ptr<BaseOptimizer> make_base_optimizer(const std::string& name,
                                                   const BaseOptions& options,
                                                   nn::ParameterArena& arena);

}  // namespace polder::optim
