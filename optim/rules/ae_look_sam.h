#pragma once

#include "polder/optim/rules/ae_sam.h"

namespace polder::optim {

/// The test of ae_sam decides when the direction that look_sam reuses is refreshed. Jiang, Yang,
/// Zhang, Kwok, ICLR 2023, arXiv 2304.14647; how the two are put together is our reconstruction.
///
///   g = grad L_B(w);  decide on ||g||^2 (NormTrend)
///   decided, no v yet, or v too old:  G = g_p = grad L_B(w + rho g / (||g|| + c)),
///                                     v = dir(perp(g_p; g))
///   else:                             G = g + alpha ||g|| v
///
/// (lambda1, lambda2) = (0, 2), delta 0.9, alpha 0.7, rho 0.05, all our choice. v can grow old: the
/// report's `age` counts the steps since it was refreshed, and max_age bounds it. 1 + f gradient
/// evaluations a step, f the share of refreshes, about 1.2; v and four scalars are kept, one buffer
/// more. A branch on the device decides: nothing is read back.
class AeLookSam final : public RadiusRule {
 public:
  /// max_age: v is reused at most so many times; 0: without bound. always: every step refreshes,
  /// which is sam. Throws Error when alpha is not finite or max_age is negative.
  AeLookSam(double rho, const NormTrend& trend, double alpha, std::int64_t max_age,
            bool always = false, Device device = kCpu);
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  /// On a step that does not perturb the perturbed loss reported is the clean one.
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  void visit_state(StateVisitor& visitor) override;

 private:
  Tensor decide(const Tensor& squared_norm, const Tensor& elapsed);

  NormTrend trend_;
  double alpha_;
  std::int64_t max_age_;
  bool always_;
  Tensor v_, clean_;      // flat
  Tensor started_, age_;  // 0-d: 1 once there is a v; steps since it was refreshed
};

RuleEntry ae_look_sam_entry();

}  // namespace polder::optim
