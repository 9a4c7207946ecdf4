#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// Ascend along the noise of the batch: take a moving average of the gradients away from the
/// gradient first. T. Li et al., CVPR 2024, arXiv 2403.12350.
///
///   g = grad L_B(w);  x = g - sigma m  (x = g on the first step);  epsilon = rho x / (||x|| + c)
///   m <- lambda m + (1 - lambda) g  (m = g after the first step);  G = grad L_B(w + epsilon)
///
/// rho 0.05, sigma 1, lambda 0.9 (the authors' class). 2 gradient evaluations a step; m is kept.
/// m moves before the second pass, also when that pass fails.
class FriendlySam final : public RadiusRule {
 public:
  /// Throws Error when sigma is not finite or lambda is not in [0, 1].
  explicit FriendlySam(double rho = 0.05, double sigma = 1.0, double lambda = 0.9,
                       Device device = kCpu);
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  void visit_state(StateVisitor& visitor) override;

 private:
  void take_average_away(Tensor& g);

  double sigma_, lambda_;
  Tensor m_;
  Tensor started_;  // 1 once m holds something, 0-d
};

RuleEntry friendly_sam_entry();

}  // namespace polder::optim
