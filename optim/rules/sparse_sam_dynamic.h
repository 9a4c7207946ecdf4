#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// Sparse SAM with a dynamic mask (SSAM-D): perturb a part of the weights, and let that part
/// evolve. Mi et al., NeurIPS 2022, arXiv 2210.05177.
///
///   epsilon = rho m o g / (||g|| + c), m in {0, 1}^d with K = d - ceil(d s) ones; random at first
///   every `refresh_every` epochs, after the first step of the epoch e of E, from that step's g:
///     r = drop_rate (1 + cos(pi e / E)) / 2,  n = min(int(K r), d - K)
///     the n ones with the smallest score leave, n that were zeros before, chosen at random, come
///     in
///
/// s (share not perturbed) 0.5, drop_rate 0.5, refresh every epoch, scores |g|, rho 0.1 (the
/// authors' program). K stays constant (ours). The norm is that of the whole gradient, so
/// ||epsilon|| <= rho. 2 gradient evaluations a step; kept: the mask.
class SparseSamDynamic final : public RadiusRule {
 public:
  /// What makes a perturbed weight worth keeping.
  enum class Score { gradient, weight, random };
  struct Options {
    double rho = 0.1;
    double sparsity = 0.5;  // s
    double drop_rate = 0.5;
    std::int64_t refresh_every = 1;  // epochs
    Score drop = Score::gradient, grow = Score::random;
  };

  /// Throws Error when a share is outside [0, 1] or refresh_every < 1.
  explicit SparseSamDynamic(const Options& options, Device device = kCpu);
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  /// A refresh is made kernel by kernel: how many weights leave changes from one to the next.
  std::optional<std::int64_t> phase(std::int64_t step) const override;
  void visit_state(StateVisitor& visitor) override;

  const Tensor& mask() const { return mask_; }

 private:
  bool refreshes(std::int64_t step) const;
  void write_scores(Score score, Objective& objective, const Tensor& g, std::string_view stream,
                    Tensor& scores) const;
  void evolve(Objective& objective, const Tensor& dropping, const Tensor& growing);

  Options options_;
  const Objective* problem_ = nullptr;
  std::int64_t live_ = 0;  // K
  Tensor mask_;
};

RuleEntry sparse_sam_dynamic_entry();

}  // namespace polder::optim
