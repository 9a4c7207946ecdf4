#include <fmt/format.h>

#include <charconv>

#include "polder/app/trainer.h"
#include "polder/lets/lets.h"
#include "polder/optim/rules/wasam.h"

namespace polder::app {
namespace {

/// Numbers in one spelling, so that 1e-3 and 0.001 are the same setting.
std::string canonical(const std::string& value) {
  double number = 0.0;
  const char* end = value.data() + value.size();
  const auto [stop, problem] = std::from_chars(value.data(), end, number);
  return problem == std::errc{} && stop == end ? fmt::to_string(number) : value;
}

}  // namespace

const optim::RuleRegistry& known_rules() {
  static const optim::RuleRegistry rules = [] {
    optim::RuleRegistry all = optim::built_in_rules();
    lets::add_rules(all);
    optim::add_wasam(all);
    all.refuse("lets_wasam", "the radius is learned inside: wasam_lets_sam");
    return all;
  }();
  return rules;
}

Config resolved(Config config) {
  require_consistent(config);
  const RuleSpec spec = parse_rule(config.rule);
  config.rule = spec.name;
  for (const auto& [name, value] : spec.settings) config.settings[name] = value;
  for (const auto& [name, value, help] : known_rules().find(spec.name).parameters)
    config.settings.emplace(name, value);
  for (auto& [name, value] : config.settings) value = canonical(value);
  return config;
}

std::string rule_label(const Config& config) {
  RuleSpec spec{config.rule, config.settings};
  for (const auto& [name, value, help] : known_rules().find(spec.name).parameters)
    if (spec.settings[name] == canonical(value)) spec.settings.erase(name);
  return to_string(spec);
}

}  // namespace polder::app
