#pragma once

#include <string>

#include "polder/optim/registry.h"

namespace polder::optim {

/// Trains a small tanh net twice in float64, by the rule and by its reference
/// (reference/rules/), with the same data, rates and random numbers; returns the largest distance
/// between the two weight vectors in any step, relative to 1 + |w|. Throws Error when the rule has
/// no reference.
double distance_to_reference(const std::string& rule, const Settings& settings, int steps);

}  // namespace polder::optim
