#pragma once

#include <string>

#include "polder/optim/registry.h"

namespace polder::verify {

/// Trains a small net (layer norm, tanh) twice in float64, by the rule and by its reference
/// (reference/rules/), with the same data, rates and random numbers; returns the largest distance
/// between the two weight vectors (and their averages, where the rule keeps one) in any step,
/// relative to 1 + |w|, infinite where one is not a number. Throws Error when no reference has the
/// entry's name.
double distance_to_reference(const optim::RuleEntry& entry, const optim::Settings& settings,
                             int steps, Device device = kCpu);
bool has_reference(const std::string& rule);

}  // namespace polder::verify
