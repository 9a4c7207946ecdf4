#include "app/program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "polder/app/files.h"

namespace polder::app {
namespace {

[[noreturn]] void become(const std::vector<std::string>& arguments, const fs::path& folder,
                         const fs::path& output, const fs::path& error) {
  std::vector<char*> raw = {const_cast<char*>(POLDER_PROGRAM)};
  for (const std::string& argument : arguments) raw.push_back(const_cast<char*>(argument.c_str()));
  raw.push_back(nullptr);
  const int out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  const int err = ::open(error.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (out < 0 || err < 0 || ::chdir(folder.c_str()) != 0) ::_exit(126);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  ::execv(POLDER_PROGRAM, raw.data());
  ::_exit(127);
}

}  // namespace

Program::Program(const std::vector<std::string>& arguments, const fs::path& folder)
    : output_(folder / ".stdout"), error_(folder / ".stderr") {
  child_ = ::fork();
  if (child_ == 0) become(arguments, folder, output_, error_);
}

Program::~Program() {
  if (reaped_) return;
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
}

void Program::send(int signal) const {
  if (!reaped_) ::kill(child_, signal);
}

bool Program::ends_within(int milliseconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  while (!reaped_) {
    reaped_ = ::waitpid(child_, &state_, WNOHANG) == child_;
    if (reaped_ || std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return reaped_;
}

Outcome Program::wait() {
  if (!reaped_) ::waitpid(child_, &state_, 0);
  reaped_ = true;
  return {WIFEXITED(state_) ? WEXITSTATUS(state_) : -1, WIFSIGNALED(state_) ? WTERMSIG(state_) : 0,
          read_file(output_), read_file(error_)};
}

Outcome run_program(const std::vector<std::string>& arguments, const fs::path& folder) {
  return Program(arguments, folder).wait();
}

std::vector<std::string> small_run(const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"train", "--data", "spirals", "--model", "mlp"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace polder::app
