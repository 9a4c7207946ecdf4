#pragma once

#include <cstdint>

#include "polder/app/metrics.h"
#include "polder/core/batch.h"
#include "polder/lets/hypergradient.h"
#include "polder/optim/base_optimizer.h"
#include "polder/optim/objective.h"
#include "polder/optim/rule.h"

namespace polder::app {

/// The rule's radius: its own, or that of the rule which `lets` wraps; null when it has none.
optim::RadiusRule* radius_rule_of(optim::Rule& rule);
/// What its radius descends; the squared gap when it descends nothing.
lets::UpperObjective upper_objective_of(const optim::Rule& rule);

/// The step to measure.
struct StepToCome {
  optim::RadiusRule& rule;
  optim::Objective& objective;
  optim::BaseOptimizer& base;
  double clip;
  std::int64_t step;  // from 0
};
/// dJ/drho of that step by the four ways beside the central difference of J. Moves nothing.
ReceiptRecord measure_receipt(const StepToCome& step, const Batch& batch,
                              const lets::UpperProblem& problem);

}  // namespace polder::app
