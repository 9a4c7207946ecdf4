#include "polder/optim/recorded_step.h"

#include <utility>

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

/// Copies a batch to where recordings read it; false when it has another shape.
bool stage(const Batch& batch, Batch& place) {
  const bool first = !place.inputs.defined();
  return copy_to_place(batch.inputs, place.inputs, first) &&
         copy_to_place(batch.targets, place.targets, first) &&
         copy_to_place(batch.indices, place.indices, first) &&
         copy_to_place(batch.row_ids, place.row_ids, first) &&
         copy_to_place(batch.domains, place.domains, first);
}

/// A small batch may have come first: the last of an epoch.
bool outgrow(const std::vector<Batch>& batches, const std::vector<Batch>& places) {
  for (std::size_t i = 0; i < places.size(); ++i)
    if (batches[i].size() > places[i].size()) return true;
  return false;
}

bool stage(const std::vector<Batch>& batches, std::vector<Batch>& places) {
  places.resize(batches.size());
  for (std::size_t i = 0; i < batches.size(); ++i)
    if (!stage(batches[i], places[i])) return false;
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
  if (phase.rehearsals < kRehearsals) return rehearse(phase, batch, step);
  objective_.begin_step(step, batch.size(), base_.rate());
  const std::vector<Batch> drawn = objective_.draw_other_batches(phase.draws);
  if (outgrow(drawn, phase.others)) {
    phase.recording.reset();
    phase.others.clear();
  }
  if (!stage(batch, staged_) || !stage(drawn, phase.others)) {
    objective_.take_other_batches(drawn);
    return training_step_.run_opened(batch);
  }
  return phase.recording != nullptr ? replay(phase) : record(phase, drawn);
}

StepReport RecordedStep::rehearse(Phase& phase, const Batch& batch, std::int64_t step) {
  ++phase.rehearsals;
  if (!staged_.inputs.defined()) stage(batch, staged_);
  StepReport report = training_step_.run(batch, step);
  phase.draws = objective_.other_batches_drawn();
  return report;
}

StepReport RecordedStep::record(Phase& phase, std::vector<Batch> drawn) {
  const Objective::Progress before = objective_.progress();
  const std::int64_t steps_before = base_.steps();
  objective_.take_other_batches(phase.others);
  try {
    phase.recording = kernels::backend_of(objective_.arena().home()).record([&] {
      phase.report = training_step_.run_opened(staged_);
      require(objective_.other_batches_drawn() == phase.draws,
              "the step draws other batches than the one before it");
    });
  } catch (const Error& error) {
    possible_ = false;
    reason_ = error.what();
    objective_.set_progress(before);
    base_.set_steps(steps_before);
    objective_.take_other_batches(std::move(drawn));
    return training_step_.run_opened(staged_);
  }
  phase.step = objective_.step();
  phase.work = objective_.progress().work - before.work;
  phase.base_steps = base_.steps() - steps_before;
  phase.recording->replay(0);  // recording has done the host's part of this step only
  ++replays_;
  reason_.clear();
  return phase.report;
}

StepReport RecordedStep::replay(Phase& phase) {
  Objective::Progress progress = objective_.progress();
  progress.work = progress.work + phase.work;
  progress.statistics_moved = true;
  objective_.set_progress(progress);
  base_.set_steps(base_.steps() + phase.base_steps);
  phase.recording->replay(objective_.step() - phase.step);
  ++replays_;
  return phase.report;
}

}  // namespace polder::optim
