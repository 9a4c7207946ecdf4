#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// CR-SAM: penalise curvature along the gradient by finite differences, which needs one more
/// gradient, at the mirrored point. Wu, Luo, Wunsch, AAAI 2024, arXiv 2312.13555, in the form of
/// the authors' code.
///
///   g0 = grad L_B(w);  epsilon = rho g0 / (||g0|| + c)
///   g+ = grad L_B(w + epsilon);  g- = grad L_B(w - epsilon)
///   G = g+ + gamma (g+ + g- - 2 g0) + beta (g+ - g-)
///
/// rho 0.1, gamma 0.1, beta 0.01 (the authors' script). 3 gradient evaluations a step, two
/// buffers, no state.
class CurvatureSam final : public RadiusRule {
 public:
  /// Throws Error when gamma or beta is not finite.
  explicit CurvatureSam(double rho = 0.1, double gamma = 0.1, double beta = 0.01,
                        Device device = kCpu);
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;

 private:
  double gamma_, beta_;
  Tensor here_, behind_;  // g0, g-
};

RuleEntry curvature_sam_entry();

}  // namespace polder::optim
