#include <fmt/core.h>

#include <exception>
#include <string>
#include <vector>

#include "polder/app/command_line.h"
#include "polder/app/commands/commands.h"

using namespace polder::app;

int main(int count, char** arguments) {
  try {
    return parse_command_line({arguments + 1, arguments + count})();
  } catch (const UsageError& error) {
    fmt::print(stderr, "polder: {}\nTry: polder --help\n", error.what());
    return kWrongUsage;
  } catch (const std::exception& error) {
    fmt::print(stderr, "polder: {}\n", error.what());
    return kBadInput;
  }
}
