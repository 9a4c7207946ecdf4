#include "polder/app/receipts.h"

#include "polder/lets/lets.h"
#include "polder/lets/receipts.h"
#include "polder/optim/rules/wasam.h"

namespace polder::app {

optim::RadiusRule* radius_rule_of(optim::Rule& rule) {
  if (auto* averaging = dynamic_cast<optim::Wasam*>(&rule))
    return radius_rule_of(averaging->wrapped());
  if (auto* learned = dynamic_cast<lets::Lets*>(&rule)) return &learned->wrapped();
  return dynamic_cast<optim::RadiusRule*>(&rule);
}

lets::UpperObjective upper_objective_of(const optim::Rule& rule) {
  if (const auto* averaging = dynamic_cast<const optim::Wasam*>(&rule))
    return upper_objective_of(averaging->wrapped());
  const auto* learned = dynamic_cast<const lets::Lets*>(&rule);
  return learned != nullptr ? learned->options().upper_objective
                            : lets::UpperObjective::squared_gap;
}

ReceiptRecord measure_receipt(const StepToCome& step, const Batch& batch,
                              const lets::UpperProblem& problem) {
  const lets::Receipt receipt =
      lets::receipts(step.rule, step.objective, step.base, step.clip, batch, problem, step.step);
  return {.step = step.step + 1,
          .radius = receipt.radius,
          .gap = receipt.gap,
          .slopes = receipt.slopes,
          .central_difference = receipt.central_difference,
          .doubt = receipt.doubt};
}

}  // namespace polder::app
