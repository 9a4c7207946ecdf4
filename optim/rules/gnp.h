#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// Gradient norm penalty: descend L + lambda ||grad L||. The gradient of the penalty is
/// lambda H g / ||g||, and H dir(g) is about (g_p - g) / rho. Zhao, Zhang, Hu, ICML 2022, arXiv
/// 2202.03599.
///
///   g = grad L_B(w);  g_p = grad L_B(w + rho g / (||g|| + c))
///   G = (1 - alpha) g + alpha g_p,  alpha = lambda / rho
///
/// rho 0.1, alpha 0.8 (the authors' code). Mix `gradient` as above, or `unit`: g / (||g|| + c) in
/// place of g, the released default. 2 gradient evaluations a step, one buffer, no state.
class Gnp final : public RadiusRule {
 public:
  enum class Mix { gradient, unit };

  /// Throws Error when alpha is not finite.
  explicit Gnp(double rho = 0.1, double alpha = 0.8, Mix mix = Mix::gradient, Device device = kCpu);
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  /// A = alpha.
  void map_tangent(Tensor& x) const override;
  void map_adjoint(Tensor& x) const override;

 private:
  double alpha_;
  Mix mix_;
  Tensor clean_;  // g
};

RuleEntry gnp_entry();

}  // namespace polder::optim
