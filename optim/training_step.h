#pragma once

#include "polder/optim/base_optimizer.h"
#include "polder/optim/rule.h"

namespace polder::optim {

/// One step of training: rule -> clip -> base optimizer -> the rule's after_update.
/// Owns the gradient buffer; borrows the rest.
class TrainingStep {
 public:
  /// `clip`: largest norm of the final G; 0 means no clipping. Prepares the rule: the objective has
  /// its data and its course by now. Throws what the rule refuses.
  TrainingStep(Objective& objective, Rule& rule, BaseOptimizer& base, double clip = 0.0);

  /// Makes step number `step` on the batch at the base optimizer's current rate.
  StepReport run(const Batch& batch, std::int64_t step);
  /// `run` after the objective's begin_step, which writes to the device.
  StepReport run_opened(const Batch& batch);

  /// G of the last step (after clipping).
  const Tensor& gradient() const { return gradient_; }

 private:
  Objective& objective_;
  Rule& rule_;
  BaseOptimizer& base_;
  double clip_;
  Tensor gradient_;
};

/// Throws Error with one sentence when a loss or norm in the report is NaN or infinite. Reads it.
void require_finite(const StepReport& report, std::int64_t step);

}  // namespace polder::optim
