#pragma once

#include "polder/optim/base_optimizer.h"

namespace polder::optim {

struct SgdOptions {
  double momentum = 0.9;      // mu
  double dampening = 0.0;     // tau
  double weight_decay = 0.0;  // lambda, coupled
  bool nesterov = false;
};

/// Stochastic gradient descent with momentum, in PyTorch's form.
///
///   G = g + lambda w
///   m <- mu m + (1 - tau) G;  m = G on the first step
///   w <- w - eta Update,  Update = m, or G + mu m with Nesterov, or G without momentum
///
/// d Update / d G: 1 without momentum; 1 - tau, and 1 on the first step, with heavy ball; 1 + mu
/// with Nesterov. State: m (only with momentum). Source: Sutskever, Martens, Dahl, Hinton, ICML
/// 2013; torch.optim.SGD.
class Sgd final : public BaseOptimizer {
 public:
  /// Throws Error on a momentum outside [0, 1), a dampening outside [0, 1], a negative decay, or
  /// Nesterov without momentum or with dampening.
  explicit Sgd(nn::ParameterArena& arena, SgdOptions options = {});

  void step(const Tensor& g) override;
  void apply_derivative(const Tensor& g, Tensor& q) const override;
  const Tensor& momentum() const override;
  void visit_state(StateVisitor& visitor) override;

 private:
  bool has_momentum() const { return options_.momentum != 0.0; }

  SgdOptions options_;
  Tensor momentum_;
};

}  // namespace polder::optim
