#pragma once

#include "polder/optim/base_optimizer.h"

namespace polder::optim {

struct AmsgradOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;      // e, a floor on sqrt(vmax)
  double weight_decay = 0.0;  // lambda, coupled
};

/// AMSGrad without bias correction, as AdaSAM uses it.
///
///   G = g + lambda w
///   m <- b1 m + (1 - b1) G;  v <- b2 v + (1 - b2) G G;  vmax <- max(vmax, v), e^2 at the start
///   w <- w - eta m / sqrt(vmax)
///
/// d Update / d G is diagonal: (1 - b1 - (1 - b2) G m / vmax) / sqrt(vmax), without the second term
/// where vmax was kept. State: m, v, vmax. Sources: Reddi, Kale, Kumar, ICLR 2018, arXiv
/// 1904.09237; H. Sun et al., arXiv 2303.00565 (e inside the maximum).
class Amsgrad final : public BaseOptimizer {
 public:
  /// Throws Error on a beta outside [0, 1), an epsilon that is not positive, or a negative decay.
  explicit Amsgrad(nn::ParameterArena& arena, AmsgradOptions options = {});

  void step(const Tensor& g) override;
  void apply_derivative(const Tensor& g, Tensor& q) const override;
  /// Not at the first step, where Update is a multiple of sign(G).
  bool derivative_is_reliable() const override { return steps() > 1; }
  const Tensor& momentum() const override { return m_; }
  void visit_state(StateVisitor& visitor) override;

 private:
  Tensor update() const;

  AmsgradOptions options_;
  Tensor m_, v_, vmax_;
};

}  // namespace polder::optim
