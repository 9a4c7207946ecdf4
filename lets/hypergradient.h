#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "polder/lets/curvature.h"
#include "polder/optim/base_optimizer.h"
#include "polder/optim/rule.h"

namespace polder::lets {

/// What the radius descends, at the weights w+ after one step:
///
///   squared_gap      J = 1/2 (L_vl - L_tr)^2: the paper's
///   validation_loss  J = L_vl: ours, for what docs/results.md found out about the gap
enum class UpperObjective { squared_gap, validation_loss };
std::string_view to_string(UpperObjective objective);
/// Throws Error naming the nearest known objective.
UpperObjective parse_upper_objective(const std::string& name);

/// The upper objective with its data: a held-out batch, and for the gap a training batch (the
/// step's own or another).
struct UpperProblem {
  const Batch& training;
  const Batch& validation;
  UpperObjective objective = UpperObjective::squared_gap;
};

/// The upper objective of one unrolled step, and its slope along the radius.
///
///   w+      = w - eta Update(G(rho))
///   dJ/drho = -eta < grad J , D A H(p) u >,   grad J at w+: gap (v - r), or v
///   gap     = L_vl - L_tr,   v = grad L_vl,   r = grad L_tr
///
/// D = d Update / d G of clip and base optimizer, A the rule's map (RadiusRule::map_tangent), H(p)
/// the Hessian of the training loss at the shifted weights. Tensors are 0-d float64 on the device,
/// the slope [segments] with one radius per segment. Source: differentiation (ours) of the problem
/// in arXiv 2408.08222.
struct UpperSlope {
  Tensor validation_loss;  // L_vl(w+)
  Tensor gap;              // undefined when the objective is the validation loss
  Tensor slope;            // dJ/drho
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

  /// After the base step on `batch`, at w+: looks without masks and without moving statistics.
  virtual UpperSlope finish(const optim::RadiusRule& rule, optim::Objective& objective,
                            const Batch& batch, const UpperProblem& problem,
                            const BaseStep& step) = 0;

 protected:
  explicit Hypergradient(const nn::ParameterArena& arena);

  virtual void begin() = 0;
  virtual void end(const optim::RadiusRule& rule) = 0;
  /// Looks at w+: leaves v - r or v in `upper_gradient_`, and returns the losses and, for a slope,
  /// the factor -eta gap or -eta.
  UpperSlope measure(optim::Objective& objective, const UpperProblem& problem, const Tensor& rate);

  Tensor upper_gradient_;
};

/// One radius: the tangent of the step, H u gathered while the rule looks. Also the derivative
/// along a common shift of all radii of a rule that has one per segment (not with `secant`).
std::unique_ptr<Hypergradient> make_hypergradient(Curvature curvature,
                                                  const nn::ParameterArena& arena,
                                                  double difference_step = 0.0);

/// One radius per segment, epsilon_s = rho_s u_s: the adjoint of the step. One product
/// z = H(p) A^T D^T (v - r) after the base step serves all, dJ/drho_s = -eta gap <u_s, z_s>
/// (validation_loss: v, and no gap).
/// For rules with a single look per step (Error otherwise). Throws Error for `secant`.
std::unique_ptr<Hypergradient> make_segment_hypergradient(Curvature curvature,
                                                          const nn::ParameterArena& arena,
                                                          double difference_step = 0.0);

}  // namespace polder::lets
