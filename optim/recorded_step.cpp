#include "polder/optim/recorded_step.h"

#include "polder/core/error.h"

namespace polder::optim {
namespace {

/// Steps of a phase made one kernel at a time before one is recorded: state is made on the first,
/// and base optimizers treat their own first step apart.
constexpr int kRehearsals = 2;

/// Copies x to where `place` lies, which is made on the first call. False when the shapes differ.
bool copy_to_place(const Tensor& x, Tensor& place, bool first) {
  if (first && x.defined()) place = Tensor::empty(x.shape(), x.dtype(), x.device());
  if (x.defined() != place.defined()) return false;
  if (!x.defined()) return true;
  if (x.shape() != place.shape() || x.dtype() != place.dtype()) return false;
  place.copy_from(x);
  return true;
}

}  // namespace

RecordedStep::RecordedStep(Objective& objective, Rule& rule, BaseOptimizer& base, double clip)
    : objective_(objective), rule_(rule), base_(base), training_step_(objective, rule, base, clip) {
  possible_ = objective.arena().device() != kCpu;
  if (!possible_) reason_ = "the cpu has nothing to gain from recordings";
}

StepReport RecordedStep::run(const Batch& batch, std::int64_t step) {
  if (!possible_) return training_step_.run(batch, step);
  const std::optional<std::int64_t> name = rule_.phase(step);
  if (!name) {
    if (replays_ == 0) reason_ = "the rule decides on the host within a step";
    return training_step_.run(batch, step);
  }
  Phase& phase = phases_[*name];
  if (phase.rehearsals < kRehearsals) {
    ++phase.rehearsals;
    return training_step_.run(batch, step);
  }
  if (!stage(batch)) return training_step_.run(batch, step);
  if (phase.recording != nullptr) return replay(phase, step);
  return record(phase, step);
}

StepReport RecordedStep::record(Phase& phase, std::int64_t step) {
  const Objective::Progress before = objective_.progress();
  const std::int64_t steps_before = base_.steps();
  objective_.begin_step(step, staged_.size(), base_.rate());
  try {
    phase.recording = kernels::backend_of(objective_.arena().home()).record([&] {
      phase.report = training_step_.run_opened(staged_);
    });
  } catch (const Error& error) {
    possible_ = false;
    reason_ = error.what();
    objective_.set_progress(before);
    base_.set_steps(steps_before);
    return training_step_.run(staged_, step);
  }
  phase.step = step;
  phase.work = objective_.progress().work - before.work;
  phase.recording->replay(0);  // recording has done the host's part of this step only
  ++replays_;
  reason_.clear();
  return phase.report;
}

StepReport RecordedStep::replay(Phase& phase, std::int64_t step) {
  objective_.begin_step(step, staged_.size(), base_.rate());
  Objective::Progress progress = objective_.progress();
  progress.work = progress.work + phase.work;
  progress.statistics_moved = true;
  objective_.set_progress(progress);
  base_.set_steps(base_.steps() + 1);
  phase.recording->replay(step - phase.step);
  ++replays_;
  return phase.report;
}

bool RecordedStep::stage(const Batch& batch) {
  const bool first = !staged_.inputs.defined();
  return copy_to_place(batch.inputs, staged_.inputs, first) &&
         copy_to_place(batch.targets, staged_.targets, first) &&
         copy_to_place(batch.indices, staged_.indices, first) &&
         copy_to_place(batch.row_ids, staged_.row_ids, first) &&
         copy_to_place(batch.domains, staged_.domains, first);
}

}  // namespace polder::optim
