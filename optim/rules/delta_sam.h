#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// delta-SAM: one perturbation for the batch that stands for one per sample, because samples that
/// are harder to guard weigh more in it. Zhou, Liu, Zhang, Chen, Findings of EMNLP 2022, arXiv
/// 2112.08772.
///
///   omega_i = |B| q_i / sum_j q_j, at most omega_max, rescaled to sum |B|
///   g_w = grad (1/|B|) sum_i omega_i l_i(w);  epsilon = rho g_w / (||g_w|| + c)
///   G = grad L_B(w + epsilon), or with reweight = both grad (1/|B|) sum_i omega_i l_i(w + epsilon)
///
/// The idea is the paper's; the formulas are our reconstruction. q_i by `score`, z_k ~ N(0, I) one
/// set a batch, never a loop over samples but for `exact`:
///
///   gradient_norm  sqrt(mean_k ((l_i(w + mu z_k) - l_i(w)) / mu)^2), about ||grad l_i||
///   curvature      |l_i(w + mu z) + l_i(w - mu z) - 2 l_i(w)| / mu^2
///   exact          ||grad l_i(w)||, a backward pass for each sample: what the tests believe
///   uniform        1: sam
///
/// omega is 1 where the sum of the q is 0 or not finite. rho 0.05, mu 1e-3, 3 draws, omega_max 4,
/// all ours; `curvature` wants a larger mu in float32, 1e-6 being lost in a loss near 1. 2 gradient
/// evaluations and 3 forwards a step; no state.
class DeltaSam final : public RadiusRule {
 public:
  enum class Score { gradient_norm, curvature, exact, uniform };
  enum class Reweight { perturbation, both };
  struct Options {
    double rho = 0.05;
    double mu = 1e-3;
    std::int64_t draws = 3;
    double omega_max = 4.0;
    Score score = Score::gradient_norm;
    Reweight reweight = Reweight::perturbation;
  };

  /// Throws Error unless mu > 0, draws >= 1 and omega_max >= 1.
  explicit DeltaSam(const Options& options, Device device = kCpu);
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  std::string_view inexact_because() const override;

  /// omega [n] of the last step, in the arena's element type; undefined with `uniform`.
  const Tensor& weights() const { return omega_; }

 private:
  std::vector<Tensor> losses_around(Objective& objective, const Batch& batch, Tensor& z) const;
  Tensor hardness(const std::vector<Tensor>& around, const Tensor& losses) const;
  Tensor weigh(const Tensor& hardness, DType dtype) const;

  Options options_;
  std::vector<std::string> streams_;
  Tensor omega_;
};

RuleEntry delta_sam_entry();

}  // namespace polder::optim
