#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// Efficient SAM: perturb a random part of the weights, take the second gradient on the samples
/// whose loss rose most. Du et al., ICLR 2022, arXiv 2110.03141, algorithm 1.
///
///   m ~ Bernoulli(beta), one draw for each segment (or each weight)
///   g = grad L_B(w);  epsilon = rho / beta  m g / (||m g|| + c)
///   s_i = l_i(w + epsilon) - l_i(w);  B+ = the max(1, int(gamma |B|)) rows of largest s_i
///   G = grad L_{B+}(w + epsilon)
///
/// beta 0.6, gamma 0.5, rho 0.05 (the authors' code for ResNet-18). 1 + gamma gradient evaluations
/// and 1 forward a step (2 and none at gamma = 1); no state. Ties go to the lower row.
class Esam final : public RadiusRule {
 public:
  enum class Mask { segment, coordinate };

  /// Throws Error unless beta and gamma lie in (0, 1].
  Esam(double rho, double beta, double gamma, Mask mask, Device device = kCpu);
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;

 private:
  void apply_mask(const Objective& objective, const nn::ParameterArena& arena, Tensor& g);

  double beta_, gamma_;
  Mask mask_;
  Tensor coordinates_;  // m, when it is drawn weight by weight
};

RuleEntry esam_entry();

}  // namespace polder::optim
