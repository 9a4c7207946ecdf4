#pragma once

#include "polder/app/command_line.h"

namespace polder::app {

/// Exit statuses of the program.
inline constexpr int kGood = 0, kBadInput = 1, kWrongUsage = 2, kInterrupted = 130;

// Each command does its work, prints, and returns the exit status. Throws Error.
int train(const Invocation& invocation);
int compare(const Invocation& invocation);
int report(const Invocation& invocation);

}  // namespace polder::app
