#pragma once

#include <string>
#include <vector>

#include "polder/app/comparison.h"
#include "polder/app/metrics.h"

namespace polder::app {

/// The rules whose names fit beside a curve: all when there are few, else the yardstick and those
/// of the highest mean accuracy, by their place in `outcomes`.
std::vector<std::size_t> featured(const std::vector<RuleOutcome>& outcomes);
/// The palette's colour of the r-th rule: its place among the featured ones, else kMuted.
int colour_of(const std::vector<RuleOutcome>& outcomes, std::size_t r);

/// The figures of accuracy against what it cost, with 95 % confidence intervals. `histories[r][i]`
/// belongs to `outcomes[r].runs[i]`. Figures without anything to show are "".
std::vector<std::string> cost_figures(const std::vector<RuleOutcome>& outcomes,
                                      const std::vector<std::vector<History>>& histories);

}  // namespace polder::app
