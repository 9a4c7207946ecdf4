#pragma once

#include <chrono>
#include <string>

#include "polder/app/run.h"
#include "polder/app/terminal.h"

namespace polder::app {

/// Shows a run: a line for every evaluation, and below them, on a terminal, a live bar with loss,
/// accuracy, radius, images per second and time left. Elsewhere a plain line now and then.
class TrainProgress final : public RunWatcher {
 public:
  explicit TrainProgress(Screen& screen) : screen_(screen) {}

  void started(const Trainer& trainer) override;
  void stepped(const StepRecord& record) override;
  void evaluated(const EvaluationRecord& record) override;
  void measured(const ReceiptRecord& record) override;
  void finished(const Trainer& trainer) override;

 private:
  using Clock = std::chrono::steady_clock;

  double seconds_since(Clock::time_point when) const {
    return std::chrono::duration<double>(Clock::now() - when).count();
  }
  double share() const;  // of the budget
  std::string status(const StepRecord& record) const;

  Screen& screen_;
  const Trainer* trainer_ = nullptr;
  double first_share_ = 0.0;
  std::int64_t first_step_ = 0, batch_size_ = 0, steps_per_epoch_ = 0;
  double smooth_loss_ = kNotMeasured;
  double accuracy_ = kNotMeasured;
  double radius_ = kNotMeasured;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_shown_ = Clock::now();
};

}  // namespace polder::app
