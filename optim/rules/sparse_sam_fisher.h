#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// Sparse SAM with a Fisher mask (SSAM-F): perturb only the weights with a large empirical Fisher
/// value. Mi et al., NeurIPS 2022, arXiv 2210.05177.
///
///   epsilon = rho m o g / (||g|| + c), m in {0, 1}^d
///   every `refresh_every` epochs, before the epoch's first step:
///     F = sum over `samples` single training samples of (grad l_i(w))^2
///     m keeps the int(d (1 - s)) largest of F, ties to the lower weight
///
/// s (share not perturbed) 0.5, rho 0.1, 128 samples, every epoch (the authors' commands). The norm
/// is that of the whole gradient, so ||epsilon|| <= rho. The Fisher passes run in evaluation mode
/// and move nothing. 2 gradient evaluations a step, `samples` passes of one sample a refresh; kept:
/// the mask; scratch at a refresh: F.
class SparseSamFisher final : public RadiusRule {
 public:
  struct Options {
    double rho = 0.1;
    double sparsity = 0.5;           // s
    std::int64_t samples = 128;      // N_F
    std::int64_t refresh_every = 1;  // epochs
  };

  /// Throws Error when sparsity is outside [0, 1], or samples or refresh_every < 1.
  explicit SparseSamFisher(const Options& options, Device device = kCpu);
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  /// A refresh reads samples from the host.
  std::optional<std::int64_t> phase(std::int64_t step) const override;
  void visit_state(StateVisitor& visitor) override;

  const Tensor& mask() const { return mask_; }

 private:
  bool refreshes(std::int64_t step) const;
  void refresh(Objective& objective, Tensor& g);

  Options options_;
  const Objective* problem_ = nullptr;
  std::int64_t kept_ = 0;  // weights that are perturbed
  Tensor mask_;
};

RuleEntry sparse_sam_fisher_entry();

}  // namespace polder::optim
