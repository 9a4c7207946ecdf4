#pragma once

#include <memory>

#include "polder/lets/curvature.h"
#include "polder/optim/base_optimizer.h"
#include "polder/optim/rule.h"

namespace polder::lets {

/// The upper objective of one unrolled step, and its slope along the radius.
///
///   J(rho)  = 1/2 (L_vl(w+) - L_tr(w+))^2,   w+ = w - eta Update(G(rho))
///   dJ/drho = -eta gap < v - r , D A H(p) u >,   gap = L_vl - L_tr,  v - r = grad gap,  both at w+
///
/// D = d Update / d G of clip and base optimizer, A the rule's map (RadiusRule::map_tangent), H(p)
/// the Hessian of the training loss at the shifted weights. Tensors are 0-d float64 on the device,
/// the slope [segments] with one radius per segment. Source: differentiation (ours) of the problem
/// in arXiv 2408.08222.
struct UpperSlope {
  Tensor gap;
  Tensor slope;  // dJ/drho
};

/// The two sides of the gap: a training batch (the step's own or another) and a held-out one.
struct GapBatches {
  const Batch& training;
  const Batch& validation;
};

/// The step that the base optimizer just made.
struct BaseStep {
  const optim::BaseOptimizer& base;
  const Tensor& gradient;  // G as the base optimizer saw it
  const optim::Clipping& clipping;
};

/// Follows one step from the rule's looks to w+ and returns dJ/drho there: `watch`, then the base
/// optimizer's step, then `finish`, all on one step of the objective.
class Hypergradient : private optim::ExcursionObserver {
 public:
  ~Hypergradient() override = default;

  /// Runs the rule on the batch, watching its looks. The objective gets its former observer back,
  /// also when an exception flies.
  optim::StepReport watch(optim::RadiusRule& rule, optim::Objective& objective, const Batch& batch,
                          Tensor& g);

  /// After the base step on `batch`, at w+: the gap counts validation +1 and training -1, both
  /// without masks and without moving statistics.
  virtual UpperSlope finish(const optim::RadiusRule& rule, optim::Objective& objective,
                            const Batch& batch, const GapBatches& gap_batches,
                            const BaseStep& step) = 0;

 protected:
  explicit Hypergradient(const nn::ParameterArena& arena) : difference_(arena.make_flat()) {}

  virtual void begin() = 0;
  virtual void end(const optim::RadiusRule& rule) = 0;
  /// gap at w+ (0-d); leaves v - r in difference_.
  Tensor measure_gap(optim::Objective& objective, const GapBatches& batches);

  Tensor difference_;
};

/// One radius: the tangent of the step, H u gathered while the rule looks. Also the derivative
/// along a common shift of all radii of a rule that has one per segment (not with `secant`).
std::unique_ptr<Hypergradient> make_hypergradient(Curvature curvature,
                                                  const nn::ParameterArena& arena,
                                                  double difference_step = 0.0);

/// One radius per segment, epsilon_s = rho_s u_s: the adjoint of the step. One product
/// z = H(p) A^T D^T (v - r) after the base step serves all, dJ/drho_s = -eta gap <u_s, z_s>.
/// For rules with a single look per step (Error otherwise). Throws Error for `secant`.
std::unique_ptr<Hypergradient> make_segment_hypergradient(Curvature curvature,
                                                          const nn::ParameterArena& arena,
                                                          double difference_step = 0.0);

}  // namespace polder::lets
