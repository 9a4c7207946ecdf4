#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// Variance-suppressed SAM: ascend along a moving average of gradients, so that the noise of one
/// batch does not choose the direction. B. Li, Giannakis, NeurIPS 2023, arXiv 2309.15639.
///
///   g = grad L_B(w);  m <- (1 - theta) m + theta g  (m = g on the first step)
///   epsilon = rho m / (||m|| + c);  G = grad L_B(w + epsilon)
///
/// theta weighs the *new* gradient: 0.9; rho 0.2 (the authors' code, CIFAR-100). 2 gradient
/// evaluations a step; m is kept. m moves before the second pass, also when that pass fails.
class Vasso final : public RadiusRule {
 public:
  /// Throws Error when theta is not in [0, 1].
  explicit Vasso(double rho = 0.2, double theta = 0.9, Device device = kCpu);
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  void visit_state(StateVisitor& visitor) override;

 private:
  double theta_;
  Tensor m_;
  Tensor started_;  // 1 once m holds something, 0-d
};

RuleEntry vasso_entry();

}  // namespace polder::optim
