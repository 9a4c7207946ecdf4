#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// Sharpness-aware minimization: descend the loss at the worst point of a ball, found by one
/// normalised ascent. Foret, Kleiner, Mobahi, Neyshabur, ICLR 2021, arXiv 2010.01412, algorithm 1.
///
///   g = grad L_B(w);  epsilon = rho g / (||g|| + c);  G = grad L_B(w + epsilon)
///
/// rho: 0.05 (the paper's CIFAR-10 value). 2 gradient evaluations a step, no state.
class Sam final : public RadiusRule {
 public:
  explicit Sam(double rho = 0.05, Device device = kCpu) : RadiusRule(rho, device) {}
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
};

RuleEntry sam_entry();

}  // namespace polder::optim
