#pragma once

#include <cstdint>
#include <string>

#include "polder/app/config.h"
#include "polder/optim/pass.h"

namespace polder::app {

/// Passes in units of one gradient over the step's batch (forward 1, backward 2):
///   gradients + forwards / 3 + 2 Hessian-vector products.
double evaluations_of(const optim::WorkCount& work);

/// What a run has used up so far.
struct Spending {
  std::int64_t steps = 0;
  double evaluations = 0.0;
  double seconds = 0.0;  // wall time of training steps, evaluations and files aside
};

/// What a run may use up, and the clock that its schedule follows.
///
/// A budget of evaluations or seconds is the same for every rule, so a rule that costs two
/// evaluations a step gets half the steps. Learning rate, warm-up, evaluations and whatever rules
/// do over time stretch with it: they follow
///
///   t = T spent / size,   T the steps that the configuration asks for by `steps` or `epochs`,
///
/// which is the number of steps made when every step costs one evaluation of a budget of T. Nothing
/// has to be known beforehand, so rules whose cost depends on the data or on chance end their
/// schedule at its end too. The run ends with the step that uses the budget up: it may exceed it by
/// less than that step.
class Budget {
 public:
  /// `steps`: T. Throws Error on a budget of seconds without a size.
  Budget(const Config& config, std::int64_t steps);

  double size() const { return size_; }
  /// t, in [0, T) while the budget is not used up.
  double time(const Spending& spent) const;
  /// t / T, at most 1.
  double share(const Spending& spent) const;
  bool used_up(const Spending& spent) const;
  /// Steps that a rule is expected to get which costs so many evaluations a step. With seconds: if
  /// time went like evaluations, and plain steps took all of it.
  std::int64_t planned_steps(double evaluations_a_step) const;

  enum class Kind { steps, evaluations, seconds };
  Kind kind() const { return kind_; }

 private:
  double used(const Spending& spent) const;

  Kind kind_;
  std::int64_t steps_;
  double size_;
};

}  // namespace polder::app
