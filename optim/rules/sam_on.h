#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// SAM-ON: perturb the normalisation layers only. Mueller, Vlaar, Rolnick, Hein, NeurIPS 2023,
/// arXiv 2306.04226.
///
///   x = the part of g = grad L_B(w) that belongs to scales and shifts of normalisation layers
///   epsilon = rho T T x / (||T x|| + c), T = 1 (sam) or |w| (asam);  G = grad L_B(w + epsilon)
///
/// G holds every weight: all are updated. `only = no_norm` perturbs all the others instead. rho
/// 0.5, asam, xi 0 (the authors' class; they use rho 10 for a WideResNet-28-10): far larger than
/// full SAM's. A model without normalisation layers is not perturbed. 2 gradient evaluations a
/// step, no state.
class SamOn final : public RadiusRule {
 public:
  enum class Only { norm, no_norm };
  enum class Variant { sam, asam };

  /// Throws Error when xi is negative or not finite.
  SamOn(double rho, Only only, Variant variant, double xi, Device device = kCpu);
  /// Throws Error when the model has none of the weights that are perturbed.
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;

 private:
  Only only_;
  kernels::Metric metric_;
};

RuleEntry sam_on_entry();

}  // namespace polder::optim
