#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "polder/nn/parameter_arena.h"
#include "polder/optim/rule.h"

namespace polder::optim {

/// One hyper-parameter of a rule: its name, the default as text, one line of help.
struct HyperParameter {
  std::string name;
  std::string value;
  std::string help;
};

/// Hyper-parameters as text, with typed readers. Readers throw Error naming the key, what was found
/// and what was wanted.
class Settings {
 public:
  Settings() = default;
  explicit Settings(std::map<std::string, std::string> values) : values_(std::move(values)) {}

  bool has(const std::string& name) const { return values_.contains(name); }
  void set(const std::string& name, std::string value) { values_[name] = std::move(value); }
  const std::map<std::string, std::string>& values() const { return values_; }

  const std::string& text(const std::string& name) const;
  double number(const std::string& name) const;
  std::int64_t integer(const std::string& name) const;
  bool flag(const std::string& name) const;

 private:
  std::map<std::string, std::string> values_;
};

/// A rule by name: what it is, where it comes from, what can be set, how to make one.
struct RuleEntry {
  std::string name;
  std::string summary;  // the idea in a line
  std::string paper{};  // authors, year, arXiv number
  std::vector<HyperParameter> parameters{};
  bool needs_validation = false;
  /// Settings come complete: every parameter present.
  std::function<std::unique_ptr<Rule>(const Settings&, nn::ParameterArena&)> make;
};

/// Every rule by name. The registry drives the conformance tests, the benches, the program.
class RuleRegistry {
 public:
  /// Throws Error when the name is taken.
  void add(RuleEntry entry);
  /// Throws Error naming the nearest known rule.
  const RuleEntry& find(const std::string& name) const;
  const std::vector<RuleEntry>& entries() const { return entries_; }
  std::vector<std::string> names() const;
  /// Fills in defaults. Throws Error on an unknown setting (naming the nearest) or a bad value.
  std::unique_ptr<Rule> make(const std::string& name, const Settings& settings,
                             nn::ParameterArena& arena) const;

 private:
  std::vector<RuleEntry> entries_;
};

/// none, sam, asam, m_sharp_sam: the rules of this folder, one line each.
RuleRegistry built_in_rules();

}  // namespace polder::optim
