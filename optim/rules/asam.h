#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// Adaptive SAM: the ball is measured in units of the weights, so that rescaling layers without
/// changing the loss does not change sharpness. Kwon, Kim, Park, Choi, ICML 2021, arXiv 2102.11600,
/// algorithm 1.
///
///   T = |w| + xi on weights, norm scales and embeddings, T = 1 on biases and norm shifts
///   g = grad L_B(w);  epsilon = rho T T g / (||T g|| + c);  G = grad L_B(w + epsilon)
///
/// rho 0.5, xi 0.01 (the authors' code). Scope `weights` as above, or `all`: T = |w| + xi on every
/// segment, as in common ports; rho does not transfer between the two. With xi = 0 weights that are
/// exactly zero stay unperturbed. 2 gradient evaluations a step, no state.
class Asam final : public RadiusRule {
 public:
  enum class Scope { weights, all };

  /// Throws Error when xi is negative or not finite.
  explicit Asam(double rho = 0.5, double xi = 0.01, Scope scope = Scope::weights,
                Device device = kCpu);
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;

 private:
  kernels::Metric metric_;
};

RuleEntry asam_entry();

}  // namespace polder::optim
