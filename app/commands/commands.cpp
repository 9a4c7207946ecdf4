#include "polder/app/commands/commands.h"

namespace polder::app {

std::span<const Command> commands() {
  static constexpr Command kCommands[] = {
      {"report", "write a folder's report.html again", declare_report},
  };
  return kCommands;
}

}  // namespace polder::app
