#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// Sharpness-aware gradient matching, for domain generalization: lower the loss and the perturbed
/// loss together and align their gradients. P. Wang, Z. Zhang, Lei, L. Zhang, CVPR 2023, arXiv
/// 2303.10353.
///
///   g = grad L_B(w);  epsilon = (rho / (||g|| + c) - alpha) g
///   G = g / 2 + grad L_B(w + epsilon) / 2
///
/// B is one batch per source domain, concatenated. rho 0.05, alpha 0.001 (the authors' code; 5e-4
/// on OfficeHome and DomainNet). Where alpha > rho / ||g|| the ascent turns into a descent: the
/// report's `signed_radius` = rho - alpha ||g|| tells. 2 gradient evaluations a step, one buffer,
/// no state.
class Sagm final : public RadiusRule {
 public:
  /// Throws Error when alpha is negative or not finite.
  explicit Sagm(double rho = 0.05, double alpha = 1e-3, Device device = kCpu);
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  /// A = 1/2.
  void map_tangent(Tensor& x) const override;
  void map_adjoint(Tensor& x) const override;

 private:
  double alpha_;
  Tensor clean_;  // g
};

RuleEntry sagm_entry();

}  // namespace polder::optim
