#pragma once

#include <string>
#include <vector>

#include "polder/app/terminal.h"
#include "polder/verify/check.h"

namespace polder::app {

/// What one check said of one rule on one device.
struct Verdict {
  Device device;
  std::string rule;
  std::string check;
  verify::Outcome outcome;
  double seconds = 0.0;
};

/// A measured error in at most five letters: "0", "2e-13", "inf".
std::string short_error(double error);

/// A table for each device, rule by check, in panels of at most `width` columns; every column is
/// named above it, with what green means where there is room. A cell is the measured error, "·"
/// where the check does not apply, and marked with ✗ where it is red. Checks that apply to no rule
/// have no column.
std::vector<std::string> verify_table(const std::vector<Verdict>& verdicts, const Screen& screen,
                                      std::size_t width);
/// "green  cpu  sam  reference  2.1e-13 (limit 1e-09): ...", and why a check does not apply.
std::string verdict_line(const Verdict& verdict);
/// "812 green, 1 red, 143 do not apply"
std::string verify_summary(const std::vector<Verdict>& verdicts);
std::string to_json(const std::vector<Verdict>& verdicts);

}  // namespace polder::app
