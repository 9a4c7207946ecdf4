#pragma once

#include <functional>
#include <string_view>

#include "polder/app/config.h"
#include "polder/app/metrics.h"
#include "polder/app/trainer.h"

namespace polder::app {

/// Who follows a run: a progress bar, a test.
class RunWatcher {
 public:
  virtual ~RunWatcher() = default;
  /// Before the first step, or after the jump to a checkpoint's step. The trainer outlives
  /// the other calls.
  virtual void started(const Trainer&) {}
  virtual void stepped(const StepRecord&) {}
  virtual void evaluated(const EvaluationRecord&) {}
  virtual void measured(const ReceiptRecord&) {}
  /// After the last step.
  virtual void finished(const Trainer&) {}
};

enum class RunOutcome { finished, interrupted };

/// Trains in the folder config.out until the end, or until `stop` says so after a step; then a
/// checkpoint is written. With `resume` the run goes on from its newest checkpoint, and ends with
/// the same bits as a run never stopped. Throws Error; what is on disk by then stays.
RunOutcome run_training(const Config& config, bool resume, RunWatcher& watcher,
                        const std::function<bool()>& stop);

}  // namespace polder::app
