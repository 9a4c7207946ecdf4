#pragma once

#include <optional>

#include "polder/optim/rule.h"

namespace polder::optim {

/// Lookbehind-SAM: several accumulated ascents on one batch, a descent after each, then an average.
/// Mordido, Malviya, Baratin, Chandar, ICML 2024, arXiv 2307.16704, algorithm 1.
///
///   slow = fast = x = w;  k times on the same batch:
///     x <- x + rho grad L_B(x) / (||grad L_B(x)|| + c);  fast <- Base(fast, grad L_B(x))
///   w <- (1 - alpha) slow + alpha fast
///
/// alpha: a number, or `adaptive`, for each segment (cos(fast_1 - slow, fast_k - slow) + 1) / 2. k
/// 2, adaptive, rho 0.05 (the authors' commands; class k 5, alpha 0.5). It drives the base
/// optimizer, whose momentum advances k times a batch. 2 k gradient evaluations a step; scratch:
/// slow, and fast_1 with adaptive.
class LookbehindSam final : public DrivingRule {
 public:
  struct Options {
    double rho = 0.05;
    std::int64_t k = 2;
    std::optional<double> alpha{};  // nothing: adaptive
  };

  /// Throws Error when rho is negative, k < 1 or alpha outside [0, 1].
  explicit LookbehindSam(const Options& options, Device device = kCpu);
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport step(Objective& objective, const Batch& batch, BaseOptimizer& base, double clip,
                  Tensor& g) override;
  /// None with k > 1: the base optimizer's step count moves on faster than the batches do.
  std::optional<std::int64_t> phase(std::int64_t step) const override;

 private:
  StepReport descend(Objective& objective, const Batch& batch, BaseOptimizer& base, double clip,
                     Tensor& g);
  void average(nn::ParameterArena& arena, Tensor& scratch);

  Options options_;
  Tensor rho_;
  Tensor slow_, first_;
};

RuleEntry lookbehind_sam_entry();

}  // namespace polder::optim
