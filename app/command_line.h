#pragma once

#include <functional>
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

/// Reads the arguments behind the program's name: what comes back does what they ask for and
/// returns the exit status. Throws UsageError on an unknown command or option (naming the nearest),
/// Error on a bad value or file.
std::function<int()> parse_command_line(const std::vector<std::string>& arguments);

/// The configuration that the options of `polder train` describe, for programs that take the same.
/// Throws UsageError and Error as above, UsageError also when they ask for help.
Config parse_train_options(const std::vector<std::string>& options);

}  // namespace polder::app
