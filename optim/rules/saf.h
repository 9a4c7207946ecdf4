#pragma once

#include "polder/optim/rule.h"

namespace polder::optim {

/// Sharpness-aware training for free: penalise how far outputs moved from those recorded R epochs
/// ago. Du et al., NeurIPS 2022, arXiv 2205.14083, algorithm 1.
///
///   L = L_B(w) + lambda tau^2 (1/|B|) sum_i KL(softmax(y_i / tau) || softmax(z_i / tau))
///
/// z_i logits now, y_i those of epoch e - R, from epoch start_epoch + 1 on; before, plain training
/// that records. A sample that the epoch e - R left out keeps an older record, and one without any
/// adds nothing.
///
/// tau 5, R (slots) 3, start_epoch 5, lambda 0.3 (the paper). 1 gradient evaluation a step; state:
/// samples x classes x R logits. Reported losses include the term.
class Saf final : public Rule {
 public:
  /// Throws Error unless tau > 0, lambda >= 0, slots >= 1 and start_epoch >= slots - 1.
  Saf(double tau, double lambda, std::int64_t slots, std::int64_t start_epoch);
  /// Makes the memory. Throws Error when the objective knows neither its training set nor its
  /// course.
  void prepare(Objective& objective, const BaseOptimizer& base) override;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override;
  std::optional<std::int64_t> phase(std::int64_t step) const override;
  void visit_state(StateVisitor& visitor) override;

 private:
  autograd::Variable term(const autograd::Variable& outputs, const Batch& rows, std::int64_t epoch);

  double tau_, lambda_;
  std::int64_t slots_, start_epoch_, steps_per_epoch_ = 1;
  Tensor logits_;    // [slots, samples, classes]
  Tensor recorded_;  // [slots, samples, 1]: 1 where there is a record
};

RuleEntry saf_entry();

}  // namespace polder::optim
