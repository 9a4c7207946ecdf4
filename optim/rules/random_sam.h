#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// Randomized sharpness-aware training: toss a coin each step between the base gradient and SAM.
/// Zhao, Zhang, Hu 2022, arXiv 2203.09962.
///
///   X_t ~ Bernoulli(p(t)).  X_t = 0: G = g.  X_t = 1: G = (1 - gamma) g + gamma g_p
///
/// RST is gamma = 1. The form with gamma (G-RST) is our reconstruction: E[G] = (1 - p gamma) g +
/// p gamma g_p, so that gamma = 1 / p(t) ("match") keeps SAM's mean strength. p(t) over t / T:
/// constant p; step_up 0 then p from T / 2, step_down; linear_up t / T, linear_down; cosine_down
/// (1 + cos(pi t / T)) / 2, cosine_up. p 0.6 constant (the authors' example), rho 0.05 (ours).
/// 1 + p gradient evaluations a step; one scratch buffer unless gamma is 1; no state. Coins come
/// from a stream of their own, the same on every device.
class RandomSam final : public RadiusRule {
 public:
  enum class Schedule {
    constant,
    step_up,
    step_down,
    linear_up,
    linear_down,
    cosine_up,
    cosine_down
  };
  struct Options {
    double rho = 0.05;
    double p = 0.6;
    Schedule schedule = Schedule::constant;
    std::optional<double> gamma = 1.0;  // nothing: 1 / p(t)
  };

  /// Throws Error when p is outside [0, 1] or gamma is not finite.
  explicit RandomSam(const Options& options, Device device = kCpu);
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  void map_tangent(Tensor& x) const override;
  void map_adjoint(Tensor& x) const override { map_tangent(x); }
  /// 1 on steps of SAM, 0 on the others; none where gamma changes from step to step.
  std::optional<std::int64_t> phase(std::int64_t step) const override;

  /// p(t) of T steps.
  double probability(std::int64_t step) const;

 private:
  bool tosses_sam(std::int64_t step) const;
  double gamma_at(std::int64_t step) const;

  Options options_;
  const Objective* problem_ = nullptr;
  double gamma_ = 1.0;  // of the last step of SAM
  Tensor clean_;
};

RuleEntry random_sam_entry();

}  // namespace polder::optim
