#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// AUSAM: SAM on rows sampled by an estimate of their gradient norm, remembered from the last time
/// the sample was used. Deng, Pang, Zhang, AAAI 2025, arXiv 2406.08001.
///
///   p_i proportional to s_i + 0.1 m, m the mean score of the batch
///   B_k = max(1, int(fraction |B|)) rows of largest log p_i + Gumbel noise: p without replacement
///   sam on B_k;  s_i <- 0.9 s_i + 0.1 |l_i(w + epsilon) - l_i(w)| for its rows
///
/// That the loss change under the perturbation is the estimate is the paper's; average, law of
/// sampling and size are our reconstruction. Epoch 0 uses every row. A sample without a score
/// stands at m; where no row has one, m is 0 before the step (p is uniform) and the mean change
/// after it. No importance weights. fraction 0.5, rho 0.05 (ours). 2 fraction gradient evaluations
/// a step (2 in epoch 0); state: one number a training sample.
class AuSam final : public RadiusRule {
 public:
  /// Throws Error when fraction is outside (0, 1].
  explicit AuSam(double rho = 0.05, double fraction = 0.5, Device device = kCpu);
  /// Makes the memory. Throws Error when the objective knows neither its training set nor its
  /// course.
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  /// 0 in epoch 0, then 1.
  std::optional<std::int64_t> phase(std::int64_t step) const override;
  void visit_state(StateVisitor& visitor) override;

 private:
  Tensor scores_of(const Batch& rows) const;
  void remember(const Batch& rows, const Tensor& changes, const Tensor& mean_score);

  double fraction_;
  std::int64_t steps_per_epoch_ = 1;
  Tensor scores_;  // s [samples, 1] in float64; -1: none yet
};

RuleEntry au_sam_entry();

}  // namespace polder::optim
