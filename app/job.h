#pragma once

#include <sys/types.h>

#include <atomic>
#include <string>

#include "polder/app/comparison.h"

namespace polder::app {

/// What a child process tells about its run while it works, in memory that both see.
struct JobStatus {
  std::atomic<std::int64_t> step{0};
  std::atomic<double> share{0.0};  // of its budget
  std::atomic<double> loss{kNotMeasured}, accuracy{kNotMeasured}, radius{kNotMeasured};
  std::atomic<bool> started{false};
  char problem[1024] = {};  // the sentence of the Error that ended it
};

/// One run in a child process, continued from its checkpoint when it has one. The child ends with
/// a checkpoint when it is asked to stop, and when its parent dies.
class Job {
 public:
  /// Throws Error when the system gives no process.
  explicit Job(PlannedRun run);
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  const PlannedRun& run() const { return run_; }
  const JobStatus& status() const { return *status_; }
  /// The child finishes its step, writes a checkpoint and ends.
  void ask_to_stop();
  /// True once the child has ended; then `succeeded` and `problem` say how.
  bool ended();
  bool succeeded() const { return exit_status_ == 0; }
  std::string problem() const;

 private:
  PlannedRun run_;
  JobStatus* status_;
  pid_t child_ = -1;
  bool asked_ = false;
  int exit_status_ = -1;
  int signal_ = 0;
};

}  // namespace polder::app
