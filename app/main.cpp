#include <fmt/core.h>

#include <exception>
#include <string>
#include <vector>

#include "polder/app/commands/commands.h"

namespace {

using namespace polder::app;

int run(const Invocation& invocation) {
  switch (invocation.command) {
    case Command::train:
      return train(invocation);
    case Command::compare:
      return compare(invocation);
    case Command::report:
      return report(invocation);
    case Command::help:
    case Command::version:
      break;
  }
  fmt::print("{}\n", invocation.help_text);
  return kGood;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run(parse_command_line({arguments + 1, arguments + count}));
  } catch (const UsageError& error) {
    fmt::print(stderr, "polder: {}\nTry: polder --help\n", error.what());
    return kWrongUsage;
  } catch (const std::exception& error) {
    fmt::print(stderr, "polder: {}\n", error.what());
    return kBadInput;
  }
}
