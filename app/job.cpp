#include "polder/app/job.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>

#include "polder/app/interrupt.h"
#include "polder/app/run.h"
#include "polder/core/error.h"

namespace polder::app {
namespace {

class StatusWriter final : public RunWatcher {
 public:
  explicit StatusWriter(JobStatus& status) : status_(status) {}
  void started(const Trainer& trainer) override {
    trainer_ = &trainer;
    status_.share = trainer.budget().share(trainer.spent());
    status_.step = trainer.steps_made();
    status_.started = true;
  }
  void stepped(const StepRecord& record) override {
    status_.step = record.step;
    status_.share = trainer_->budget().share(trainer_->spent());
    status_.loss = record.loss;
    status_.radius = record.radius;
  }
  void evaluated(const EvaluationRecord& record) override {
    status_.accuracy = record.test.accuracy;
  }

 private:
  JobStatus& status_;
  const Trainer* trainer_ = nullptr;
};

void remember_problem(JobStatus& status, const char* sentence) {
  std::strncpy(status.problem, sentence, sizeof status.problem - 1);
}

/// Never returns: the child must not unwind into what its parent was doing.
[[noreturn]] void work(const PlannedRun& run, JobStatus& status, pid_t parent) {
  ::setpgid(0, 0);  // Ctrl-C reaches the parent alone, which then asks politely
  ::prctl(PR_SET_PDEATHSIG, SIGINT);
  catch_interrupts();
  if (::getppid() != parent) ::_exit(1);
  int exit_status = 1;
  try {
    StatusWriter writer(status);
    const RunOutcome outcome = run_training(run.config, true, writer, interrupted);
    exit_status = outcome == RunOutcome::finished ? 0 : 130;
  } catch (const std::exception& error) {
    remember_problem(status, error.what());
  }
  ::_exit(exit_status);
}

}  // namespace

Job::Job(PlannedRun run) : run_(std::move(run)) {
  void* memory =
      ::mmap(nullptr, sizeof(JobStatus), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  require(memory != MAP_FAILED, "compare: no memory for a job's status: {}", std::strerror(errno));
  status_ = new (memory) JobStatus;
  const pid_t parent = ::getpid();
  std::fflush(nullptr);
  child_ = ::fork();
  if (child_ == 0) work(run_, *status_, parent);
  if (child_ > 0) return;
  ::munmap(memory, sizeof(JobStatus));
  fail("compare: the system gives no process for {}", run_.config.out);
}

Job::~Job() {
  if (child_ > 0) {
    ask_to_stop();
    ::waitpid(child_, nullptr, 0);
  }
  ::munmap(status_, sizeof(JobStatus));
}

void Job::ask_to_stop() {
  // Once: a second signal would end the child without a checkpoint.
  if (child_ > 0 && !asked_) ::kill(child_, SIGINT);
  asked_ = true;
}

bool Job::ended() {
  int state = 0;
  if (child_ <= 0) return true;
  if (::waitpid(child_, &state, WNOHANG) != child_) return false;
  child_ = -1;
  exit_status_ = WIFEXITED(state) ? WEXITSTATUS(state) : -1;
  signal_ = WIFSIGNALED(state) ? WTERMSIG(state) : 0;
  return true;
}

std::string Job::problem() const {
  if (signal_ != 0) return std::string("ended by signal: ") + ::strsignal(signal_);
  return status_->problem;
}

}  // namespace polder::app
