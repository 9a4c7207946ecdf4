#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// Momentum-SAM: perturb along the momentum already in hand, so that one gradient a step is enough.
/// Becker, Altrock, Risse 2024, arXiv 2401.12033, algorithm 1.
///
///   v: the base optimizer's momentum before this step (AdamW: first moment)
///   epsilon = -rho v / (||v|| + c);  G = grad L_B(w + epsilon)
///
/// The minus sign puts the point ahead on the path of descent. rho 0.3 (the authors' class; 3 for
/// CIFAR-100, 10 for a ViT after warm-up). 1 gradient evaluation a step, no state of its own. The
/// release stays at w + epsilon between steps; here w comes home.
class MomentumSam final : public RadiusRule {
 public:
  explicit MomentumSam(double rho = 0.3, Device device = kCpu) : RadiusRule(rho, device) {}
  /// Throws Error when the base optimizer keeps no momentum.
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;

 private:
  const BaseOptimizer* base_ = nullptr;
};

RuleEntry momentum_sam_entry();

}  // namespace polder::optim
