#pragma once

#include <functional>
#include <span>

#include "polder/app/config.h"

namespace CLI {
class App;
}

namespace polder::app {

/// Exit statuses of the program.
inline constexpr int kGood = 0, kBadInput = 1, kRed = 1, kWrongUsage = 2, kUnhealthy = 3,
                     kInterrupted = 130;

// Commands that train share the configuration and its flags. Each does its work, prints, and
// returns the exit status. Throws Error.
/// `resume`: go on with the run that the folder holds.
int train(const Config& config, bool resume);
/// Makes some steps of that training and says what goes wrong in them; leaves nothing on disk.
/// `resume`: from the newest checkpoint of the run in the folder.
int doctor(const Config& config, bool resume, std::int64_t steps);
/// Makes the runs that the folder lacks.
int compare(const Config& config);

/// A command with options of its own: `declare` adds them to its sub-command and returns what to do
/// once they have been read.
struct Command {
  const char* name;
  const char* help;
  std::function<int()> (*declare)(CLI::App& options);
};
std::function<int()> declare_explain(CLI::App& options);
std::function<int()> declare_report(CLI::App& options);
std::function<int()> declare_verify(CLI::App& options);

/// Those commands, in the order of the help.
std::span<const Command> commands();

}  // namespace polder::app
