#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace polder::app {

/// What a finished process left behind.
struct Outcome {
  int exit_status = -1;  // -1 when a signal ended it
  int signal = 0;
  std::string output;  // standard output
  std::string error;   // standard error
};

/// The polder program as a child process in a folder of its choice.
class Program {
 public:
  Program(const std::vector<std::string>& arguments, const std::filesystem::path& folder);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void send(int signal) const;
  /// True when it has ended within so many milliseconds.
  bool ends_within(int milliseconds);
  Outcome wait();

 private:
  pid_t child_;
  bool reaped_ = false;
  int state_ = 0;
  std::filesystem::path output_, error_;
};

/// Runs it to the end.
Outcome run_program(const std::vector<std::string>& arguments, const std::filesystem::path& folder);

/// "mlp on spirals", small enough for many runs a second, with more arguments behind.
std::vector<std::string> small_run(const std::vector<std::string>& more = {});

}  // namespace polder::app
