#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// Whether a squared gradient norm is large for its recent history, decided on the device.
///
///   mu <- delta mu + (1 - delta) s;  var <- delta var + (1 - delta) (s - mu)^2, with the new mu
///   decision = s >= mu + c_t sqrt(var),  c_t = (t / T) lambda1 + (1 - t / T) lambda2
///
/// mu starts at 0, var at 1e-10, without bias correction: the first decision is always 1.
class NormTrend {
 public:
  /// Throws Error unless delta lies in [0, 1) and both lambdas are finite.
  NormTrend(double delta, double lambda1, double lambda2, Device device);
  /// Takes s in and decides: 1 or 0, 0-d float64. `elapsed` is t / T.
  Tensor decide(const Tensor& s, const Tensor& elapsed);
  const Tensor& mean() const { return mean_; }
  const Tensor& variance() const { return variance_; }
  void visit_state(StateVisitor& visitor);

 private:
  double delta_, lambda1_, lambda2_;
  Tensor mean_, variance_;
};

/// Adaptive SAM: pay for the second gradient only where ||g||^2 is large for its recent history.
/// Jiang, Yang, Zhang, Kwok, ICLR 2023, arXiv 2304.14647.
///
///   g = grad L_B(w);  decide on s = ||g||^2 (NormTrend)
///   G = grad L_B(w + rho g / (||g|| + c)) when decided, else g
///
/// delta 0.9, (lambda1, lambda2) = (-1, 1): half of the steps for Gaussian s (our choice, the share
/// that reports of the method give); rho 0.05. 1 + f gradient evaluations a step, f the share of
/// perturbing steps; state: two scalars. A branch on the device decides: nothing is read back.
class AeSam final : public RadiusRule {
 public:
  /// Both always and never are for comparisons: sam, and the base optimizer.
  enum class Force { off, always, never };

  AeSam(double rho, const NormTrend& trend, Force force, Device device = kCpu);
  /// On a step that does not perturb the perturbed loss reported is the clean one.
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  void visit_state(StateVisitor& visitor) override;

 private:
  NormTrend trend_;
  Force force_;
};

RuleEntry ae_sam_entry();

}  // namespace polder::optim
