#include "polder/optim/registry.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "polder/core/text.h"

namespace polder::optim {
namespace {

/// The whole text as a number of type T, or nothing.
template <class T>
std::optional<T> parse(const std::string& text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::vector<std::string> names_of(const std::vector<HyperParameter>& parameters) {
  std::vector<std::string> names;
  for (const HyperParameter& parameter : parameters) names.push_back(parameter.name);
  return names;
}

}  // namespace

const std::string& Settings::text(const std::string& name) const {
  const auto found = values_.find(name);
  require(found != values_.end(), "Settings: {} is missing", name);
  return found->second;
}

double Settings::number(const std::string& name) const {
  const auto value = parse<double>(text(name));
  require(value && std::isfinite(*value), "{}: found '{}', want a finite number", name, text(name));
  return *value;
}

std::int64_t Settings::integer(const std::string& name) const {
  const auto value = parse<std::int64_t>(text(name));
  require(value.has_value(), "{}: found '{}', want a whole number", name, text(name));
  return *value;
}

bool Settings::flag(const std::string& name) const {
  const std::string& found = text(name);
  require(found == "true" || found == "false", "{}: found '{}', want true or false", name, found);
  return found == "true";
}

void RuleRegistry::add(RuleEntry entry) {
  const auto taken = [&](const RuleEntry& other) { return other.name == entry.name; };
  require(std::none_of(entries_.begin(), entries_.end(), taken),
          "RuleRegistry: a rule named {} exists already", entry.name);
  entries_.push_back(std::move(entry));
}

void RuleRegistry::refuse(const std::string& name, std::string sentence) {
  refusals_[name] = std::move(sentence);
}

const RuleEntry& RuleRegistry::find(const std::string& name) const {
  for (const RuleEntry& entry : entries_)
    if (entry.name == name) return entry;
  if (const auto refusal = refusals_.find(name); refusal != refusals_.end())
    fail("rule {}: {}", name, refusal->second);
  std::vector<std::string> all;
  for (const RuleEntry& entry : entries_) all.push_back(entry.name);
  fail("rule '{}' is unknown, did you mean '{}'? (known: {})", name, nearest_name(name, all),
       join(names()));
}

std::vector<std::string> RuleRegistry::names() const {
  std::vector<std::string> names;
  for (const RuleEntry& entry : entries_)
    if (entry.listed) names.push_back(entry.name);
  return names;
}

std::unique_ptr<Rule> RuleRegistry::make(const std::string& name, const Settings& settings,
                                         nn::ParameterArena& arena) const {
  const RuleEntry& entry = find(name);
  return entry.make(complete(entry, settings), arena);
}

Settings complete(const RuleEntry& entry, Settings settings) {
  const std::vector<std::string> known = names_of(entry.parameters);
  for (const auto& [key, value] : settings.values())
    require(std::find(known.begin(), known.end(), key) != known.end(),
            "rule {}: setting '{}' is unknown, {}", entry.name, key,
            known.empty() ? "it has none"
                          : fmt::format("did you mean '{}'?", nearest_name(key, known)));
  for (const auto& [key, value, help] : entry.parameters)
    if (!settings.has(key)) settings.set(key, value);
  return settings;
}

RuleNeeds needs_of(const RuleEntry& entry, const Settings& settings) {
  return entry.needs ? entry.needs(complete(entry, settings)) : RuleNeeds{};
}

RuleCost cost_of(const RuleEntry& entry, const Settings& settings, std::int64_t rows) {
  require(entry.cost != nullptr, "rule {}: its cost is not known in numbers", entry.name);
  return entry.cost(complete(entry, settings), rows);
}

WorkCount expected_step(const RuleEntry& entry, const Settings& settings, std::int64_t rows,
                        std::int64_t steps_per_epoch) {
  const RuleCost cost = entry.estimate ? entry.estimate(complete(entry, settings), rows)
                                       : cost_of(entry, settings, rows);
  return cost.step + cost.perturbing * cost.perturbed +
         1.0 / static_cast<double>(steps_per_epoch) * cost.epoch;
}

}  // namespace polder::optim
