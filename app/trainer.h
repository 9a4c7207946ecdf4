#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "polder/app/budget.h"
#include "polder/app/checkpoint.h"
#include "polder/app/config.h"
#include "polder/app/metrics.h"
#include "polder/core/state.h"
#include "polder/doctor/diagnosis.h"
#include "polder/optim/registry.h"

namespace polder::app {

/// Every rule of the program: the rules of optim/ and those that learn their radius.
const optim::RuleRegistry& known_rules();

/// The configuration with the rule's settings split off its name and completed by their defaults.
/// Throws Error on an unknown rule or setting (naming the nearest), or contradicting fields.
Config resolved(Config config);
/// "sam:rho=0.1": the rule of a resolved configuration, with the settings that are not defaults.
std::string rule_label(const Config& config);

/// Data, model, rule and base optimizer of one run, made from a configuration and stepped by hand.
/// The same configuration gives the same bits, for any number of threads.
///
///   Trainer trainer(config);
///   while (!trainer.finished()) report(trainer.step());
///   report(trainer.evaluate());
class Trainer {
 public:
  /// `config` is resolved. Throws Error on anything the parts refuse.
  explicit Trainer(const Config& config);
  ~Trainer();

  std::int64_t steps_made() const;
  /// Planned, where the budget is not one of steps and steps differ in what they cost.
  std::int64_t total_steps() const;
  const Budget& budget() const;
  Spending spent() const;
  std::int64_t steps_per_epoch() const;
  std::int64_t batch_size() const;
  bool finished() const { return budget().used_up(spent()); }

  /// One training step. Throws Error naming step, rule and learning rate when a loss or a gradient
  /// is not finite.
  StepRecord step();
  /// Scores in evaluation mode. Moves nothing that training sees.
  EvaluationRecord evaluate();
  /// Receipts of the step to come, when the rule has a radius that acts on it; moves nothing.
  std::optional<ReceiptRecord> receipt();

  /// What the next steps, at most so many of those that are left, show to be wrong; moves nothing.
  /// `after_step` hears how many have been made. Throws Error when none are left.
  doctor::Diagnosis examine(std::int64_t steps,
                            const std::function<void(std::int64_t)>& after_step = {});

  /// How many steps were replayed from recordings, or why none; empty on the cpu.
  std::string recording_note() const;

  /// What the run amounts to so far; scores are those of the last evaluation.
  RunResult result() const;

  CheckpointIdentity identity() const;
  void visit_state(StateVisitor& visitor);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace polder::app
