#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "polder/core/batch.h"
#include "polder/core/state.h"
#include "polder/optim/clipping.h"
#include "polder/optim/excursion.h"
#include "polder/optim/objective.h"

namespace polder::optim {

class BaseOptimizer;
struct RuleEntry;
struct Snapshot;

/// What one wants to look at after a step. Tensors are 0-d float64, stay on the device until read,
/// and are undefined where the rule has no such thing.
struct StepReport {
  Tensor loss{};            // clean loss L_B(w)
  Tensor perturbed_loss{};  // L_B(w + epsilon)
  Tensor gradient_norm{};   // norm the ascent divided by: ||T g||
  Tensor radius{};          // rho, 0-d or one per segment
  bool perturbed = false;   // the rule left w to form G, or may have: then `decision` says
  Tensor decision{};        // 1 where it left w, 0 where not: the device decided
  /// What only this rule knows, by name, for the log: an age, a share, a scale.
  std::vector<std::pair<std::string_view, Tensor>> scalars{};
};

/// A SAM variant answers one question: which gradient should the base optimizer see?
///
/// `gradient` writes G into g. It never writes to the base optimizer's state, never leaves w moved,
/// and allocates nothing in steady state. g is flat, in the arena's layout; what was in it is lost.
class Rule {
 public:
  virtual ~Rule() = default;
  /// Called once, before the first step and before state is loaded: a rule that needs to know the
  /// problem (its training set, course, momentum) looks here, makes its memory and refuses what
  /// does not fit. Both outlive the rule's last step.
  virtual void prepare(Objective& objective, const BaseOptimizer& base);
  virtual StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) = 0;
  /// Called after the base optimizer moved w with g, the clipped G. Most rules do nothing here.
  virtual void after_update(Objective& objective, const Batch& batch, const BaseOptimizer& base,
                            const Tensor& g, const Clipping& clipping);
  /// A whole step: G, clipping, Base, after_update. Only rules that drive the base optimizer
  /// themselves or replace it write their own (DrivingRule).
  virtual StepReport step(Objective& objective, const Batch& batch, BaseOptimizer& base,
                          double clip, Tensor& g);
  /// The weights that evaluation should use instead of w, ready to be used; null: w itself.
  virtual Snapshot* averaged(Objective& objective);
  /// Steps of the same phase ask the device for the same work, so that one can be recorded and
  /// stand for the others. A rule whose path is chosen on the host by the step number names the
  /// path; nothing means that this step must be made kernel by kernel (it reads from the host, or
  /// its path cannot be told beforehand). Called after `prepare`.
  virtual std::optional<std::int64_t> phase(std::int64_t step) const;
  /// Everything to remember between steps.
  virtual void visit_state(StateVisitor& visitor);
};

/// A rule whose step is not "one gradient, then Base": it calls base.step itself, or moves w
/// without it. `step` leaves w as it was when an exception flies.
class DrivingRule : public Rule {
 public:
  /// Throws Error: there is no one gradient to hand over.
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) final;
  StepReport step(Objective& objective, const Batch& batch, BaseOptimizer& base, double clip,
                  Tensor& g) override = 0;
};

/// A rule with a radius rho whose G depends on rho only through epsilon = rho u, with
/// dG / d rho = A H(w + epsilon) u summed over its looks (Excursion::gradient), each with its
/// share; `lets` can learn its radius.
class RadiusRule : public Rule {
 public:
  /// rho will live on `device`. Throws Error when it is negative or not finite.
  explicit RadiusRule(double rho, Device device = kCpu);

  const Tensor& radius() const { return rho_; }
  /// 0-d float64, or [segments] for one radius per segment. Shares memory: whoever holds the tensor
  /// steers the rule. Throws Error on another type or rank.
  void set_radius(Tensor rho);
  /// Why dG / d rho is not the sum above ("the perturbation is not proportional to rho"), as the
  /// end of a sentence; empty when it is.
  virtual std::string_view inexact_because() const { return {}; }
  /// x <- A x, and x <- A^T x. The identity unless the rule mixes gradients; a rule that overrides
  /// one overrides both.
  virtual void map_tangent(Tensor& x) const;
  virtual void map_adjoint(Tensor& x) const;
  void visit_state(StateVisitor& visitor) override;

 private:
  Tensor rho_;
};

}  // namespace polder::optim
