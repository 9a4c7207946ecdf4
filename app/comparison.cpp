#include "polder/app/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "polder/app/terminal.h"
#include "polder/app/toml.h"
#include "polder/app/trainer.h"
#include "polder/core/error.h"

namespace polder::app {
namespace {

/// A rule with settings as a folder's name.
std::string folder_name(const std::string& rule, std::int64_t seed) {
  std::string name = rule;
  for (char& letter : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(letter)) != 0;
    if (!plain && letter != '_' && letter != '.' && letter != '=') letter = '-';
  }
  return fmt::format("{}-seed{}", name, seed);
}

PlannedRun plan_run(const Config& comparison, const std::string& rule, std::int64_t seed) {
  Config config = comparison;
  config.rule = rule;
  config.settings.clear();
  config.seed = seed;
  config.rules = Config{}.rules;
  config.seeds = Config{}.seeds;
  config.jobs = Config{}.jobs;
  config.out = (fs::path(comparison.out) / "runs" / folder_name(rule, seed)).string();
  return {resolved(config), rule};
}

/// The rule's name, and of its settings those that tell it from the others of that name.
std::string short_name(const RuleSpec& spec, const std::vector<RuleSpec>& all) {
  std::string name = spec.name;
  for (const auto& setting : spec.settings) {
    const bool shared = std::all_of(all.begin(), all.end(), [&](const RuleSpec& other) {
      const auto found = other.settings.find(setting.first);
      return other.name != spec.name ||
             (found != other.settings.end() && found->second == setting.second);
    });
    if (!shared) name += fmt::format(" {}={}", setting.first, setting.second);
  }
  return name;
}

void name_rules(std::vector<RuleOutcome>& outcomes) {
  std::vector<RuleSpec> specs;
  for (const RuleOutcome& outcome : outcomes) specs.push_back(parse_rule(outcome.rule));
  for (std::size_t i = 0; i < specs.size(); ++i) outcomes[i].name = short_name(specs[i], specs);
}

template <class Value>
Summary summary_of(const std::vector<RunResult>& runs, const Value& value) {
  std::vector<double> values;
  for (const RunResult& run : runs) values.push_back(value(run));
  return summarize(values);
}

/// Pairs the runs of two rules by seed.
PairedDifference difference_of(const RuleOutcome& rule, const RuleOutcome& first) {
  std::vector<double> a, b;
  for (const RunResult& run : rule.runs)
    for (const RunResult& other : first.runs)
      if (run.seed == other.seed) {
        a.push_back(run.test.accuracy);
        b.push_back(other.test.accuracy);
      }
  return a.empty() ? PairedDifference{} : paired_difference(a, b);
}

void summarize_runs(RuleOutcome& outcome) {
  const std::vector<RunResult>& runs = outcome.runs;
  outcome.accuracy = summary_of(runs, [](const RunResult& run) { return run.test.accuracy; });
  outcome.seconds = summary_of(runs, [](const RunResult& run) { return run.train_seconds; });
  outcome.steps =
      summary_of(runs, [](const RunResult& run) { return static_cast<double>(run.steps); });
  outcome.evaluations = summary_of(runs, [](const RunResult& run) { return run.evaluations; });
  outcome.gradient_evaluations =
      summary_of(runs, [](const RunResult& run) { return run.gradient_evaluations; });
  outcome.radius = summary_of(runs, [](const RunResult& run) { return run.radius; });
}

std::string difference_text(const PairedDifference& difference) {
  if (difference.count == 0) return "–";
  if (difference.count == 1) return fmt::format("{:+.2f}", 100 * difference.mean);
  return fmt::format("{:+.2f} [{:+.2f}, {:+.2f}]", 100 * difference.mean, 100 * difference.low,
                     100 * difference.high);
}

}  // namespace

std::vector<PlannedRun> plan_runs(const Config& comparison) {
  require(!comparison.rules.empty(), "compare: no rules to compare");
  const std::set<std::string> distinct(comparison.rules.begin(), comparison.rules.end());
  require(distinct.size() == comparison.rules.size(), "compare: the same rule appears twice");
  std::vector<PlannedRun> runs;
  for (std::int64_t seed = 0; seed < comparison.seeds; ++seed)
    for (const std::string& rule : comparison.rules)
      runs.push_back(plan_run(comparison, rule, comparison.seed + seed));
  return runs;
}

bool is_finished(const PlannedRun& run) {
  const fs::path folder = run.config.out;
  if (!fs::exists(folder / "result.json") || !fs::exists(folder / "config.toml")) return false;
  Config found;
  read_toml(found, read_file(folder / "config.toml"), (folder / "config.toml").string());
  return fixed_differences(found, run.config).empty() && found.epochs == run.config.epochs &&
         found.steps == run.config.steps;
}

std::vector<RuleOutcome> outcomes_of(const std::vector<PlannedRun>& runs) {
  std::vector<RuleOutcome> outcomes;
  for (const PlannedRun& run : runs) {
    auto outcome = std::find_if(outcomes.begin(), outcomes.end(),
                                [&](const RuleOutcome& one) { return one.rule == run.rule; });
    if (outcome == outcomes.end()) {
      outcomes.emplace_back().rule = run.rule;
      outcome = outcomes.end() - 1;
    }
    if (!is_finished(run)) {
      ++outcome->missing;
      continue;
    }
    const fs::path file = fs::path(run.config.out) / "result.json";
    outcome->runs.push_back(parse_result(read_file(file), file.string()));
  }
  name_rules(outcomes);
  for (RuleOutcome& outcome : outcomes) {
    summarize_runs(outcome);
    if (&outcome != &outcomes.front())
      outcome.difference = difference_of(outcome, outcomes.front());
  }
  return outcomes;
}

std::string to_json(const std::vector<RuleOutcome>& outcomes) {
  using Json = nlohmann::ordered_json;
  const auto summary = [](const Summary& s) {
    return Json{{"count", s.count}, {"mean", s.mean}, {"deviation", s.deviation}};
  };
  Json rules = Json::array();
  for (const RuleOutcome& outcome : outcomes) {
    Json rule = {{"rule", outcome.rule}, {"missing", outcome.missing}};
    rule["test_accuracy"] = summary(outcome.accuracy);
    rule["steps"] = summary(outcome.steps);
    rule["evaluations"] = summary(outcome.evaluations);
    rule["train_seconds"] = summary(outcome.seconds);
    rule["gradient_evaluations"] = summary(outcome.gradient_evaluations);
    if (outcome.difference.count > 0)
      rule["difference"] = {{"pairs", outcome.difference.count},
                            {"mean", outcome.difference.mean},
                            {"low", outcome.difference.low},
                            {"high", outcome.difference.high}};
    for (const RunResult& run : outcome.runs) rule["runs"].push_back(Json::parse(to_json(run)));
    rules.push_back(rule);
  }
  return Json{{"yardstick", outcomes.front().rule}, {"rules", rules}}.dump(2) + "\n";
}

std::vector<std::vector<std::string>> outcome_table(const std::vector<RuleOutcome>& outcomes) {
  std::vector<std::vector<std::string>> rows = {{"rule", "runs", "test accuracy %",
                                                 "difference to " + outcomes.front().name, "radius",
                                                 "steps", "evaluations", "time"}};
  for (const RuleOutcome& one : outcomes) {
    if (one.runs.empty()) {
      rows.push_back({one.rule, "0", "–", "–", "–", "–", "–", "–"});
      continue;
    }
    rows.push_back(
        {one.rule, fmt::to_string(one.accuracy.count),
         fmt::format("{:.2f} ± {:.2f}", 100 * one.accuracy.mean, 100 * one.accuracy.deviation),
         difference_text(one.difference),
         std::isfinite(one.radius.mean) ? fmt::format("{:.4g}", one.radius.mean) : "–",
         fmt::format("{:.0f}", one.steps.mean), fmt::format("{:.0f}", one.evaluations.mean),
         clock_text(one.seconds.mean)});
  }
  return rows;
}

}  // namespace polder::app
