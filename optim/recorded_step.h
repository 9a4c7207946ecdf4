#pragma once

#include <map>
#include <memory>
#include <string>

#include "polder/kernels/recording.h"
#include "polder/optim/training_step.h"

namespace polder::optim {

/// A TrainingStep whose work on the device is recorded once and replayed: on a card one CUDA graph
/// a step instead of a launch for every kernel. Same weights as without, bit for bit.
///
/// One step of each phase of the rule (Rule::phase) is recorded after two have been made one kernel
/// at a time, and stands for all later ones; batches, held-out ones too, are copied to where the
/// recorded ones lay. Batches of another shape are stepped one kernel at a time. Where recording is
/// not possible (the cpu, a rule or problem that reads from or writes to the host within a step)
/// every step is made that way, and `reason` says why.
///
/// Tensors of the StepReport are written again by the next step: read them before it.
class RecordedStep {
 public:
  /// As TrainingStep.
  RecordedStep(Objective& objective, Rule& rule, BaseOptimizer& base, double clip = 0.0);

  StepReport run(const Batch& batch, std::int64_t step);
  /// G of the last step (after clipping).
  const Tensor& gradient() const { return training_step_.gradient(); }
  /// Why no step has been replayed; empty while nothing speaks against it.
  const std::string& reason() const { return reason_; }
  /// Steps that were replayed so far.
  std::int64_t replays() const { return replays_; }

 private:
  /// What is known of one phase of the rule.
  struct Phase {
    int rehearsals = 0;
    std::unique_ptr<kernels::Recording> recording;
    std::int64_t step = 0;  // when it was recorded
    StepReport report;
    WorkCount work;                            // of one step
    std::int64_t base_steps = 0;               // that it makes: 0 where the rule replaces the base
    std::vector<Objective::OtherBatch> draws;  // of one step, beside its own batch
    std::vector<Batch> others;                 // where recordings read those
  };
  /// A rehearsal: kernel by kernel, taking down what the step draws.
  StepReport rehearse(Phase& phase, const Batch& batch, std::int64_t step);
  /// Of a step that is open and staged; `drawn` are its other batches.
  StepReport record(Phase& phase, std::vector<Batch> drawn);
  StepReport replay(Phase& phase);

  Objective& objective_;
  Rule& rule_;
  BaseOptimizer& base_;
  TrainingStep training_step_;
  Batch staged_;
  std::map<std::int64_t, Phase> phases_;
  bool possible_ = true;
  std::string reason_;
  std::int64_t replays_ = 0;
};

}  // namespace polder::optim
