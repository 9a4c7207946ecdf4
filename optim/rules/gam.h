#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// The numbers of Gam's formulas.
struct GamOptions {
  enum class Form { accelerated, hvp };

  Form form = Form::accelerated;
  double rho = 0.2;
  double rho_gradient = 0.02;  // accelerated: how far the differences reach
  double a = 0.6, b = 0.5, gamma = 0.03;
  bool g0_counts_whole = false;  // h_minus = code
  double alpha = 0.1;            // hvp: weight of the penalty
};

/// Gradient-norm-aware minimization: penalise the largest gradient norm in the ball (first-order
/// flatness) instead of the largest loss. X. Zhang, Xu, Yu, Zou, Cui, CVPR 2023, arXiv 2303.03108.
///
/// `accelerated`, differences of gradients in place of Hessian products; dir(x) = x / (||x|| + c),
/// reach = rho_gradient:
///
///   g0 = grad L_B(w);                    g1 = grad L_B(w + reach dir(g0))
///   w2 = w + rho dir(g1 - g0)
///   g2 = grad L_B(w2);                   g3 = grad L_B(w2 + reach dir(g2))
///   h+ = a g1 + (1 - a) g3;              h- = b g0 + (1 - b) g2
///   G  = h+ - gamma perp(h-; h+),        perp(x; y) = x - <x, y> / ||y||^2 y
///
/// `hvp`, exact products H v (secondary sources):
///
///   g = grad L_B(w);  w_a = w + rho dir(H(w) dir(g));  x = grad L_B(w_a)
///   G = g + alpha rho H(w_a) dir(x)
///
/// rho 0.2, rho_gradient 0.02, a 0.6, b 0.5, gamma 0.03 (the authors' code, CIFAR-100); alpha 0.1
/// (our choice). `h_minus = code` gives g0 the coefficient 1, as the released program does.
/// 4 gradient evaluations a step, or 2 and 2 Hessian-vector products; two buffers, no state.
class Gam final : public RadiusRule {
 public:
  /// Throws Error when rho_gradient is negative or a number is not finite.
  explicit Gam(const GamOptions& options = {}, Device device = kCpu);
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  std::string_view inexact_because() const override;

 private:
  StepReport by_differences(Objective& objective, const Batch& batch, Tensor& g);
  StepReport by_products(Objective& objective, const Batch& batch, Tensor& g);

  GamOptions options_;
  Tensor reach_;           // rho_gradient, 0-d
  Tensor first_, second_;  // flat
};

RuleEntry gam_entry();

}  // namespace polder::optim
