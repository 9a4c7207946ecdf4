#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// Fisher SAM: the ball becomes the ellipsoid of a diagonal Fisher estimate. Kim, Li, Hu,
/// Hospedales, ICML 2022, arXiv 2206.04920.
///
///   f = 1 / (1 + eta g o g)
///   ellipsoid: epsilon = rho f g / (sqrt(<g, f g>) + c), so that epsilon^T diag(1 / f) epsilon =
///   rho^2 euclid:    epsilon = rho f g / (||f g|| + c) G = grad L_B(w + epsilon)
///
/// rho 0.1, eta 1 (common ports). The form of f is that of ports, the normalisation our
/// reconstruction. 2 gradient evaluations a step, one scratch buffer, no state. f depends on the
/// scale of the loss: eta does not transfer between a sum and a mean over the batch.
class FisherSam final : public RadiusRule {
 public:
  enum class Length { ellipsoid, euclid };

  /// Throws Error when eta is negative or not finite.
  explicit FisherSam(double rho = 0.1, double eta = 1.0, Length length = Length::ellipsoid,
                     Device device = kCpu);
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;

 private:
  double eta_;
  Length length_;
  Tensor scaled_;  // f g
};

RuleEntry fisher_sam_entry();

}  // namespace polder::optim
