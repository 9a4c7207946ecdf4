#pragma once

#include <string>
#include <vector>

#include "polder/app/config.h"
#include "polder/core/error.h"

namespace polder::app {

/// The command line itself is wrong: exit status 2 instead of 1.
class UsageError : public Error {
 public:
  using Error::Error;
};

enum class Command { help, version, train, compare, report };

/// What a command line asks for.
struct Invocation {
  Command command = Command::help;
  Config config;          // defaults, then the TOML file, then the flags
  bool resume = false;    // go on with what the folder holds
  std::string folder;     // report: whose
  std::string help_text;  // help: what to print
};

/// Reads the arguments behind the program's name. Throws UsageError on an unknown command or option
/// (naming the nearest), Error on a bad value or file.
Invocation parse_command_line(const std::vector<std::string>& arguments);

}  // namespace polder::app
