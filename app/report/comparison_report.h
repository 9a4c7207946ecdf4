#pragma once

#include <string>
#include <vector>

#include "polder/app/comparison.h"
#include "polder/app/config.h"
#include "polder/app/metrics.h"

namespace polder::app {

/// A comparison as one HTML page that needs nothing from elsewhere. `histories[r][i]` belongs to
/// `outcomes[r].runs[i]`.
std::string comparison_report(const Config& config, const std::vector<RuleOutcome>& outcomes,
                              const std::vector<std::vector<History>>& histories);

}  // namespace polder::app
