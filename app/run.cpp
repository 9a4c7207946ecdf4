#include "polder/app/run.h"

#include <cmath>
#include <optional>

#include "polder/app/report/run_report.h"
#include "polder/app/run_folder.h"
#include "polder/core/error.h"

namespace polder::app {
namespace {

/// A run under way: the trainer and what it has on disk.
class Run {
 public:
  Run(const Config& config, bool resume, RunWatcher& watcher)
      : config_(config), trainer_(config), folder_(config, resume), watcher_(watcher) {
    load_newest_checkpoint();
    metrics_.emplace(folder_.metrics(), static_cast<std::uint64_t>(metrics_bytes_));
    watcher_.started(trainer_);
  }

  RunOutcome go(const std::function<bool()>& stop) {
    while (!trainer_.finished()) {
      advance();
      if (trainer_.finished()) break;
      if (!stop()) continue;
      save();
      return RunOutcome::interrupted;
    }
    finish();
    watcher_.finished(trainer_);
    return RunOutcome::finished;
  }

 private:
  /// `every` steps, an epoch for 0, and always at the end.
  bool due(std::int64_t every) const {
    const std::int64_t period = every > 0 ? every : trainer_.steps_per_epoch();
    return trainer_.finished() || trainer_.steps_made() % period == 0;
  }

  /// The schedule has passed a multiple of `every` since `before`: rules of any cost are evaluated
  /// at the same shares of their budget.
  bool passed(std::int64_t every, double before) const {
    const auto period = static_cast<double>(every > 0 ? every : trainer_.steps_per_epoch());
    const double now = trainer_.budget().time(trainer_.spent());
    return trainer_.finished() || std::floor(now / period) > std::floor(before / period);
  }

  void advance() {
    measure();
    const double before = trainer_.budget().time(trainer_.spent());
    const StepRecord record = trainer_.step();
    if (record.step == 1 || due(config_.record_every)) write(record);
    watcher_.stepped(record);
    if (passed(config_.eval_every, before)) evaluate();
    if (due(config_.checkpoint_every)) save();
  }

  void measure() {
    if (config_.receipts_every == 0) return;
    if (trainer_.steps_made() % config_.receipts_every != 0) return;
    const std::optional<ReceiptRecord> receipt = trainer_.receipt();
    if (!receipt) return;
    write(*receipt);
    watcher_.measured(*receipt);
  }

  void evaluate() {
    const double best_before = trainer_.result().best_validation_accuracy;
    const EvaluationRecord record = trainer_.evaluate();
    write(record);
    watcher_.evaluated(record);
    const double accuracy = record.validation.accuracy;
    const bool best = std::isfinite(accuracy) && !(accuracy <= best_before);
    if (best) save_as(folder_.best_checkpoint());
  }

  template <class Record>
  void write(const Record& record) {
    metrics_->append(to_json_line(record));
  }

  void save() {
    save_as(folder_.checkpoint(trainer_.steps_made()));
    folder_.drop_old_checkpoints();
  }

  void save_as(const fs::path& path) {
    metrics_->sync();
    metrics_bytes_ = static_cast<std::int64_t>(metrics_->size());
    save_checkpoint(path, trainer_.identity(), lister());
  }

  void load_newest_checkpoint() {
    const std::vector<std::int64_t> steps = folder_.checkpoint_steps();
    if (steps.empty()) return;
    try {
      load_checkpoint(folder_.checkpoint(steps.front()), trainer_.identity(), lister());
    } catch (const Error& error) {
      if (steps.size() == 1) throw;
      fail("{}; remove it to go on from step {}", error.what(), steps[1]);
    }
    require(config_.budget != "steps" || trainer_.steps_made() <= trainer_.total_steps(),
            "resume: {} has made {} steps, more than the {} wanted", folder_.path().string(),
            trainer_.steps_made(), trainer_.total_steps());
  }

  StateLister lister() {
    return [this](StateVisitor& visitor) {
      trainer_.visit_state(visitor);
      visitor.visit("run/metrics_bytes", metrics_bytes_);
    };
  }

  void finish() {
    write_file_atomically(folder_.result(), to_json(trainer_.result()));
    write_run_report(folder_.path());
  }

  const Config& config_;
  Trainer trainer_;
  RunFolder folder_;
  RunWatcher& watcher_;
  std::int64_t metrics_bytes_ = 0;
  std::optional<AppendFile> metrics_;
};

}  // namespace

RunOutcome run_training(const Config& config, bool resume, RunWatcher& watcher,
                        const std::function<bool()>& stop) {
  require_usable_folder(config, resume);  // before the data are read, and nothing made in vain
  return Run(config, resume, watcher).go(stop);
}

}  // namespace polder::app
