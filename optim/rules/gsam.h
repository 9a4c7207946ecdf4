#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// Surrogate-gap guided SAM: shrink L(w + epsilon) - L(w) along the one direction that leaves the
/// perturbed loss alone. Zhuang et al., ICLR 2022, arXiv 2203.08065, algorithm 1.
///
///   rho_t = rho_min + (rho - rho_min) (eta - eta_min) / (eta_max - eta_min); rho at constant rate
///   g = grad L_B(w);  epsilon = rho_t g / (||g|| + c);  g_p = grad L_B(w + epsilon)
///   clean:      G = g_p - alpha perp(g; g_p)     the paper's form
///   perturbed:  G = g + alpha perp(g_p; g)       an option of the authors' code
///
/// rho (their rho_max) 0.04, rho_min 0.02, alpha 0.01 (the paper, ResNet-50). 2 gradient
/// evaluations a step, one scratch buffer, no state.
class Gsam final : public RadiusRule {
 public:
  enum class Decompose { clean, perturbed };

  /// Throws Error unless 0 <= rho_min <= rho and alpha is finite.
  Gsam(double rho, double rho_min, double alpha, Decompose decompose, Device device = kCpu);
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  void map_tangent(Tensor& x) const override;
  void map_adjoint(Tensor& x) const override;

 private:
  Tensor rise(Objective& objective) const;
  void combine(Tensor& g);

  double rho_min_, alpha_;
  bool scheduled_;
  Decompose decompose_;
  Tensor clean_;              // g
  Tensor seen_clean_, seen_;  // g and g_p of a step that somebody watched
};

RuleEntry gsam_entry();

}  // namespace polder::optim
