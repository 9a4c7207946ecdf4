#pragma once

#include <string>
#include <vector>

#include "polder/optim/rule.h"

namespace polder::optim {

/// Tilted SAM: a soft worst case. Average several perturbed gradients, weighted by their loss. T.
/// Li, Zhou, Bilmes, ICML 2025, arXiv 2410.22656; the released form.
///
///   for j = 1..s on the same batch: n ~ N(0, scale^2), shrunk to ||n|| <= r
///     w_j = w + n + rho g / (||g|| + c), g = grad L_B(w + n);  l_j, g_j: loss and gradient there
///   a_j = exp(t (l_j - max l)) / sum;  G = sum_j a_j g_j
///
/// s 3, t 1, r 1, scale 1, rho 0.05 (the authors' program). The tilt acts on losses of the batch,
/// not of samples. `ascent` off: g_j at w + n. 2 s gradient evaluations a step (s without the
/// ascent); two scratch buffers, no state. Weights are formed as the samples come in, with a
/// running maximum.
class TiltedSam final : public RadiusRule {
 public:
  struct Options {
    double rho = 0.05;
    std::int64_t samples = 3;  // s
    double tilt = 1.0;         // t
    double noise = 1.0;        // r
    double scale = 1.0;
    bool ascent = true;
  };

  /// Throws Error unless samples >= 1 and tilt, noise and scale are finite and >= 0.
  explicit TiltedSam(const Options& options, Device device = kCpu);
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  std::string_view inexact_because() const override { return "the weights depend on rho too"; }

 private:
  /// Losses and gradients of the samples so far: maximum, sums of weights and of weighted losses.
  struct Tilted {
    Tensor maximum, weights, losses;
  };
  Tensor draw_noise(Objective& objective, std::int64_t j);
  void take_in(const Tensor& loss, const Tensor& g, Tilted& tilted);

  Options options_;
  std::vector<std::string> streams_;  // one for each sample
  Tensor noise_, sum_;
};

RuleEntry tilted_sam_entry();

}  // namespace polder::optim
