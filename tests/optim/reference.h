#pragma once

#include <string>

#include "optim/support.h"
#include "polder/verify/twins.h"

namespace polder::optim {

/// How far a built-in rule ends from its reference (verify/twins.h).
inline double distance_to_reference(const std::string& rule, const Settings& settings, int steps) {
  return verify::distance_to_reference(entry_of(rule), settings, steps);
}

}  // namespace polder::optim
