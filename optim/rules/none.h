#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// No perturbation: plain empirical risk minimization, the base optimizer's own gradient.
///
///   G = grad L_B(w)
///
/// 1 gradient evaluation a step, no state.
class None final : public Rule {
 public:
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
};

RuleEntry none_entry();

}  // namespace polder::optim
