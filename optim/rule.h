#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "polder/core/batch.h"
#include "polder/core/state.h"
#include "polder/optim/clipping.h"
#include "polder/optim/excursion.h"
#include "polder/optim/objective.h"

namespace polder::optim {

class BaseOptimizer;

/// What one wants to look at after a step. Tensors are 0-d float64, stay on the device until read,
/// and are undefined where the rule has no such thing.
struct StepReport {
  Tensor loss{};            // clean loss L_B(w)
  Tensor perturbed_loss{};  // L_B(w + epsilon)
  Tensor gradient_norm{};   // norm the ascent divided by: ||T g||
  Tensor radius{};          // rho, 0-d or one per segment
  bool perturbed = false;
};

/// A SAM variant answers one question: which gradient should the base optimizer see?
///
/// `gradient` writes G into g. It never writes to the base optimizer's state, never leaves w moved,
/// and allocates nothing in steady state. g is flat, in the arena's layout.
class Rule {
 public:
  virtual ~Rule() = default;
  virtual StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) = 0;
  /// Called after the base optimizer moved w with g, the clipped G. Most rules do nothing here.
  virtual void after_update(Objective& objective, const Batch& batch, const BaseOptimizer& base,
                            const Tensor& g, const Clipping& clipping);
  /// Steps of the same phase ask the device for the same work, so that one can be recorded and
  /// stand for the others. A rule whose path is chosen on the host by the step number names the
  /// path; nothing means that the path cannot be told beforehand.
  virtual std::optional<std::int64_t> phase(std::int64_t step) const;
  /// Everything to remember between steps.
  virtual void visit_state(StateVisitor& visitor);
};

/// A rule with a radius rho whose G depends on rho only through epsilon = rho u, with
/// dG / d rho = A H(w + epsilon) u summed over its looks; `lets` can learn its radius.
class RadiusRule : public Rule {
 public:
  /// rho will live on `device`. Throws Error when it is negative or not finite.
  explicit RadiusRule(double rho, Device device = kCpu);

  const Tensor& radius() const { return rho_; }
  /// 0-d float64, or [segments] for one radius per segment. Shares memory: whoever holds the tensor
  /// steers the rule. Throws Error on another type or rank.
  void set_radius(Tensor rho);
  /// x <- A x, and x <- A^T x. The identity unless the rule mixes gradients; a rule that overrides
  /// one overrides both.
  virtual void map_tangent(Tensor& x) const;
  virtual void map_adjoint(Tensor& x) const;
  void visit_state(StateVisitor& visitor) override;

 private:
  Tensor rho_;
};

}  // namespace polder::optim
