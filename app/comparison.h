#pragma once

#include <string>
#include <vector>

#include "polder/app/config.h"
#include "polder/app/files.h"
#include "polder/app/metrics.h"
#include "polder/app/statistics.h"

namespace polder::app {

/// One run of a comparison: a rule and a seed, in a sub-folder of its own.
struct PlannedRun {
  Config config;     // resolved; config.out is the sub-folder
  std::string rule;  // as asked for: "sam:rho=0.1"
};

/// All runs, seed by seed, so that pairs are complete early. Throws Error on an unknown rule or
/// setting, no rules, or the same rule twice.
std::vector<PlannedRun> plan_runs(const Config& comparison);

/// The run is finished under this very configuration.
bool is_finished(const PlannedRun& run);

/// What became of one rule.
struct RuleOutcome {
  std::string rule;             // as asked for
  std::string name;             // as short as it can be among the others: "lets_sam rho=0.5"
  std::vector<RunResult> runs;  // finished ones, by seed
  std::int64_t missing = 0;
  Summary accuracy;  // on the test samples
  Summary seconds, steps, evaluations, gradient_evaluations, radius;
  PairedDifference difference;  // to the first rule, seed by seed; count 0 without pairs
};

/// Reads what is finished.
std::vector<RuleOutcome> outcomes_of(const std::vector<PlannedRun>& runs);
std::string to_json(const std::vector<RuleOutcome>& outcomes);

/// The comparison's table: a head and one row a rule.
std::vector<std::vector<std::string>> outcome_table(const std::vector<RuleOutcome>& outcomes);

/// Reads a comparison's folder and writes its report.html.
void write_comparison_report(const fs::path& folder);

}  // namespace polder::app
