#include "polder/app/commands/commands.h"

namespace polder::app {

std::span<const Command> commands() {
  static constexpr Command kCommands[] = {
      {"explain", "one update of a rule with its numbers, on two weights, and pictures of its path",
       declare_explain},
      {"verify", "every check of every rule on every device", declare_verify},
      {"report", "write a folder's report.html again", declare_report},
  };
  return kCommands;
}

}  // namespace polder::app
