#pragma once

#include "polder/optim/base_optimizer.h"

namespace polder::optim {

struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;  // lambda
  bool decoupled = true;      // AdamW; otherwise coupled like SGD's
};

/// Adam and AdamW. Step k counts from 1.
///
///   G = g (AdamW), or g + lambda w (Adam)
///   m <- b1 m + (1 - b1) G;  v <- b2 v + (1 - b2) G G;  m^ = m / (1 - b1^k);  v^ = v / (1 - b2^k)
///   w <- w - eta m^ / (sqrt(v^) + e), and AdamW also - eta lambda w
///
/// d Update / d G is diagonal; see kernels::Backend::adam_derivative. At k = 1 Update is close to
/// sign(G) and its derivative says little. State: m, v. Sources: Kingma, Ba, ICLR 2015, arXiv
/// 1412.6980; Loshchilov, Hutter, ICLR 2019, arXiv 1711.05101.
class Adam final : public BaseOptimizer {
 public:
  /// Throws Error on a beta outside [0, 1), an epsilon that is not positive, or a negative decay.
  explicit Adam(nn::ParameterArena& arena, AdamOptions options = {});

  void step(const Tensor& g) override;
  void apply_derivative(const Tensor& g, Tensor& q) const override;
  bool derivative_is_reliable() const override { return steps() > 1; }
  const Tensor& momentum() const override { return m_; }
  void visit_state(StateVisitor& visitor) override;

 private:
  kernels::AdamCoefficients coefficients() const;

  AdamOptions options_;
  Tensor m_, v_;
};

}  // namespace polder::optim
