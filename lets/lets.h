#pragma once

#include <cstdint>
#include <memory>

#include "polder/lets/hypergradient.h"
#include "polder/lets/radius_parameter.h"
#include "polder/optim/registry.h"

namespace polder::lets {

/// Which training batch the gap holds against the held-out one.
///
/// `same`: the step's own. Then v - r holds -r, r the gradient of the very loss that the step went
/// down, and <-r, H u> has a part near -||g|| u^T H u: with a positive gap it pulls the radius down
/// by the curvature along the ascent. `fresh`: another one, which has no such part; it needs
/// Objective::fresh_training_batch. docs/methods/lets.md shows what was seen with each.
enum class GapBatch { same, fresh };
std::string_view to_string(GapBatch choice);
/// Throws Error naming the nearest known choice.
GapBatch parse_gap_batch(const std::string& name);

/// Defaults are our reconstruction, not the paper's (docs/methods/lets.md).
struct LetsOptions {
  Curvature curvature = Curvature::exact;
  UpperObjective upper_objective = UpperObjective::squared_gap;
  RadiusOptions radius{};
  GapBatch gap_batch = GapBatch::same;
  std::int64_t update_every = 1;  // q_every: an upper step every so many steps
  bool per_segment = false;       // one radius per segment
  double difference_step = 0.0;   // dr of finite_difference; 0: 0.1 rho (float32), 1e-5 (float64)
  bool allow_inexact = false;     // accept a rule or a base optimizer without an exact derivative
};

/// Learns the radius of a wrapped rule by gradient descent on the squared gap between validation
/// and training loss, or on the validation loss itself, through one unrolled step. Wang, Jiang, Fu,
/// Zhang, ECML-PKDD 2024, arXiv 2408.08222; docs/methods/lets.md says what is our reconstruction.
///
///   lower step:  g <- wrapped rule on B;  w+ <- Base(w, clip g)
///   upper step:  h = dJ/drho at w+ (Hypergradient), from a held-out batch, against B in the gap;
///                rho <- one step along h (RadiusParameter); it acts from the next step
///
/// An upper step happens on every `update_every`-th step, unless the rule did not perturb or the
/// base optimizer says that its derivative means little (the first step of Adam); a hypergradient
/// that is not finite moves nothing. Upper steps without learning rate are made all the same. All
/// scalars stay on the device; a step reads nothing back.
///
/// Cost of an upper step beyond the wrapped rule: 2 gradients (validation_loss: 1), and for `exact`
/// one Hessian-vector product, for `finite_difference` 2 gradients more. Memory: 2 flat tensors, 3
/// with `exact` and `squared_gradient`; one radius per segment takes 3, 4 with `squared_gradient`.
class Lets final : public optim::Rule {
 public:
  /// Takes over the rule's radius, which must outlast no one else's changes. Throws Error when
  /// there is no rule, its radius is out of range, update_every < 1, a learning rate is negative,
  /// `secant` is asked for with one radius per segment, or the rule has no exact derivative by its
  /// radius (RadiusRule::inexact_because) and `allow_inexact` is off.
  Lets(std::unique_ptr<optim::RadiusRule> wrapped, const LetsOptions& options,
       nn::ParameterArena& arena);

  void prepare(optim::Objective& objective, const optim::BaseOptimizer& base) override;
  optim::StepReport gradient(optim::Objective& objective, const Batch& batch, Tensor& g) override;
  /// Throws Error when the objective has no validation data, or when the base optimizer has no
  /// exact derivative and `allow_inexact` is off.
  void after_update(optim::Objective& objective, const Batch& batch,
                    const optim::BaseOptimizer& base, const Tensor& g,
                    const optim::Clipping& clipping) override;
  /// The wrapped rule's, twice: with an upper step and without.
  std::optional<std::int64_t> phase(std::int64_t step) const override;
  void visit_state(StateVisitor& visitor) override;

  /// The losses and dJ/drho of the last upper step, on the device; undefined before the first.
  const UpperSlope& last_upper() const { return last_upper_; }
  const Tensor& radius() const { return parameter_.radius(); }
  const RadiusParameter& parameter() const { return parameter_; }
  optim::RadiusRule& wrapped() { return *wrapped_; }
  const LetsOptions& options() const { return options_; }

 private:
  std::unique_ptr<optim::RadiusRule> wrapped_;
  LetsOptions options_;
  RadiusParameter parameter_;
  std::unique_ptr<Hypergradient> hypergradient_;
  bool is_upper_step(std::int64_t step) const;

  bool upper_step_ = false;  // the step under way has been watched
  Tensor decision_;          // of that step, where the device decided whether to perturb
  UpperSlope last_upper_;    // always the same memory
};

/// Adds lets_<name> for every rule with a radius: lets_sam, lets_asam, ...; a rule without one is
/// refused by name.
void add_rules(optim::RuleRegistry& registry);

}  // namespace polder::lets
