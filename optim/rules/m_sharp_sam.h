#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// m-sharpness: each of m disjoint shards of the batch makes its own ascent, and the perturbed
/// gradients are averaged. Behdin et al., arXiv 2212.04343; extended in arXiv 2302.09693.
///
///   g_j = grad L_{S_j}(w);  epsilon_j = rho g_j / (||g_j|| + c)
///   G = sum_j |S_j| / |B| grad L_{S_j}(w + epsilon_j)
///
/// m, the *number* of shards (their size in the SAM paper): 4; rho 0.05, both our choice. Shards
/// are runs of consecutive rows whose sizes differ by at most one; a batch of fewer than m rows is
/// refused. Batch norm measures each shard by itself; its running statistics see shard 1 only.
/// 2 gradient evaluations a step as 2 m small passes; one accumulator, no state.
class MSharpSam final : public RadiusRule {
 public:
  /// Throws Error when m is not positive.
  explicit MSharpSam(std::int64_t m = 4, double rho = 0.05, Device device = kCpu);
  /// The reported losses and norm are means over shards, weighted like G.
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;

 private:
  std::int64_t m_;
  Tensor mean_;  // the accumulator
};

RuleEntry m_sharp_sam_entry();

}  // namespace polder::optim
