#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// The part of the perturbed gradient that is orthogonal to the clean one changes slowly: compute
/// it every k-th step, reuse it between. Liu, Mai, Chen, Hsieh, You, CVPR 2022, arXiv 2203.02714;
/// equations from agreeing ports.
///
///   step t divisible by k:  G = g_p = grad L_B(w + rho g / (||g|| + c)),
///                           v = x / (||x|| + c),  x = g_p - <g_p, g> / ||g||^2 g
///   other steps:            G = g + alpha ||g|| v, nothing perturbed
///
/// k 5, alpha 0.7 (ports), rho 0.05 (our choice). Where ||x|| < 1e-6 ||g_p||, x is rounding noise
/// and v = 0 (ours). 1 + 1/k gradient evaluations a step; v is kept, one buffer more.
class LookSam final : public RadiusRule {
 public:
  /// Throws Error when k is not positive or alpha is not finite.
  explicit LookSam(double rho = 0.05, std::int64_t k = 5, double alpha = 0.7, Device device = kCpu);
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  /// 0 where v is refreshed, 1 where it is reused.
  std::optional<std::int64_t> phase(std::int64_t step) const override;
  void visit_state(StateVisitor& visitor) override;

 private:
  StepReport refresh(Objective& objective, const Batch& batch, Tensor& g);
  StepReport reuse(Objective& objective, const Batch& batch, Tensor& g);

  std::int64_t k_;
  double alpha_;
  Tensor v_;
  Tensor clean_;  // g of a refresh
};

/// v <- dir(perp(g_p; g)), or 0 where that part is below 1e-6 ||g_p||.
void keep_orthogonal_part(const Tensor& perturbed, const Tensor& clean, Tensor& v);
/// G <- g + alpha ||g|| v, in place of g.
void add_orthogonal_part(double alpha, const Tensor& v, Tensor& g);

RuleEntry look_sam_entry();

}  // namespace polder::optim
