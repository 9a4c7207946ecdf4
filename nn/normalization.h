#pragma once

#include "polder/nn/module.h"

namespace polder::nn {

struct BatchNormOptions {
  double epsilon = 1e-5;
  double momentum = 0.1;  // weight of the new batch in the running statistics
};

/// Normalises each channel over all other axes: x [rows, C] or [N, H, W, C].
///   training:   y = gamma (x - mean_B) / sqrt(var_B + epsilon) + beta, biased variance of the
///   batch evaluation: the same with the running mean and variance
/// In a training pass with `move_statistics`:
///   running <- (1 - momentum) running + momentum batch, the batch variance unbiased: n / (n - 1).
/// Source: Ioffe & Szegedy, arXiv 1502.03167. Throws Error naming the layer when the last axis is
/// not C, or when a training batch holds fewer than two values a channel.
class BatchNorm final : public Module {
 public:
  BatchNorm(const Build& build, std::int64_t channels, BatchNormOptions options = {});
  Variable forward(const Variable& x, Pass& pass) override;

 private:
  std::string label_;
  BatchNormOptions options_;
  Variable gamma_, beta_;
  Tensor running_mean_, running_variance_;
};

/// Normalises each row over the last axis of n features: gamma (x - mean) / sqrt(var + epsilon) +
/// beta. Source: Ba, Kiros, Hinton, arXiv 1607.06450. Throws Error naming the layer when the last
/// axis is not n.
class LayerNorm final : public Module {
 public:
  LayerNorm(const Build& build, std::int64_t features, double epsilon = 1e-5);
  Variable forward(const Variable& x, Pass& pass) override;

 private:
  std::string label_;
  double epsilon_;
  Variable gamma_, beta_;
};

}  // namespace polder::nn
