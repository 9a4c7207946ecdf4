#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// K-SAM: both gradients of SAM on the samples of the batch with the largest losses only. Ni et al.
/// 2022, arXiv 2210.12864.
///
///   B_k = the max(1, int(fraction |B|)) rows of largest l_i(w);  sam on B_k
///
/// fraction 0.5, rho 0.05 (ours). Ties go to the lower row; B_k keeps the batch's order. Running
/// batch-norm statistics see the whole batch (ours). 2 fraction gradient evaluations and 1 forward
/// pass a step (2 gradients at fraction 1), no state.
class KSam final : public RadiusRule {
 public:
  /// Throws Error when fraction is outside (0, 1].
  explicit KSam(double rho = 0.05, double fraction = 0.5, Device device = kCpu);
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;

 private:
  double fraction_;
};

RuleEntry k_sam_entry();

}  // namespace polder::optim
