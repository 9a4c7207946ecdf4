#pragma once

#include <cstdint>
#include <functional>

#include "polder/doctor/diagnosis.h"
#include "polder/optim/base_optimizer.h"
#include "polder/optim/registry.h"

namespace polder::doctor {

struct ExamineOptions {
  std::int64_t steps = 50;
  std::int64_t first_step = 0;                     // number of the first one
  optim::Reach reach = optim::Reach::radius;       // what the rule promises (RuleEntry::reach)
  double clip = 0.0;                               // largest norm of G; 0: none
  std::function<double(std::int64_t)> rate{};      // of a step; empty: the optimizer's own
  std::function<void(std::int64_t)> after_step{};  // for who waits: steps made so far
};

/// Makes some steps of a training, looks at each of their passes, and says what goes wrong in it
/// (symptoms.h lists what is looked for). `batch_of(t)` is the batch of step t. The rule has been
/// prepared (TrainingStep does that).
///
/// Afterwards everything is as it was, also when an exception flies: weights, running statistics,
/// the state of rule and base optimizer, the learning rate, the objective's counters. Sources of
/// batches are the caller's: those behind `batch_of`, validation_batch and fresh_training_batch
/// have moved on. Reads everything to the host: slower than training.
///
/// Throws Error when fewer than one step is asked for, and what the parts throw.
Diagnosis examine(optim::Objective& objective, optim::Rule& rule, optim::BaseOptimizer& base,
                  const std::function<Batch(std::int64_t)>& batch_of,
                  const ExamineOptions& options = {});

}  // namespace polder::doctor
