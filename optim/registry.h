#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "polder/core/text.h"
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
  /// The value that goes with the text: choice("scope", {{"all", Scope::all}, ...}).
  template <class T>
  T choice(const std::string& name, std::initializer_list<std::pair<const char*, T>> known) const {
    std::vector<std::string> names;
    for (const auto& [word, value] : known) {
      if (text(name) == word) return value;
      names.emplace_back(word);
    }
    fail("{}: found '{}', want one of {}", name, text(name), join(names));
  }

 private:
  std::map<std::string, std::string> values_;
};

/// What a rule wants besides the step's batch.
struct RuleNeeds {
  double validation = 0.0;      // rows of a validation batch as a share of the step's; 0: none
  bool fresh_training = false;  // training batches that are not the step's own
  bool training_set = false;    // samples by index, or memory per sample
  bool course = false;          // how long training is, the schedule's range
  bool momentum = false;        // a base optimizer that averages gradients
  bool normalisation = false;   // a model with normalisation layers
  std::int64_t rows = 1;        // batches with at least as many
};

/// How far from w a rule forms G, so that it can be checked (doctor/): it never leaves w, a
/// distance of rho in the metric of its ascent, at most rho (masks), or rho is not that distance.
enum class Reach { none, radius, within, other };

/// What a rule costs a step, in units of the step's batch (its gradient evaluations: the GE and F
/// of the docs). Parameter-sized buffers: `kept` between steps, `scratch` within one.
struct RuleCost {
  WorkCount step{};       // every step
  WorkCount perturbed{};  // further, on a step that leaves w
  double perturbing = 1;  // share of the steps that are expected to leave w, where not all do
  WorkCount epoch{};      // further, on the first step of an epoch
  WorkCount opening{};    // further, on every step of epoch 0
  int kept = 0, scratch = 0;
};

/// Settings under which a rule is another one: bit for bit, or within a relative tolerance.
struct Identity {
  std::map<std::string, std::string> settings;
  std::string rule;
  std::map<std::string, std::string> rule_settings{};
  double tolerance = 0.0;
};

/// A rule by name: what it is, where it comes from, what can be set, what it costs, how to make one
/// and how to check it.
struct RuleEntry {
  std::string name{};
  std::string summary{};  // the idea in a line
  std::string paper{};    // authors, year, arXiv number
  std::vector<HyperParameter> parameters{};
  std::string cost_formula{};  // "1 + gamma GE, 1 F"
  /// The same in numbers, for a batch of `rows` rows. Settings come complete.
  std::function<RuleCost(const Settings&, std::int64_t rows)> cost{};
  /// Where the numbers cannot be exact: what to plan with. Not checked.
  std::function<RuleCost(const Settings&, std::int64_t rows)> estimate{};
  std::function<RuleNeeds(const Settings&)> needs{};  // empty: nothing
  Reach reach = Reach::radius;
  /// Settings that show the rule at work on a small net within a few epochs: what checks use.
  std::map<std::string, std::string> trial{};
  std::vector<Identity> identities{};
  /// Settings come complete: every parameter present.
  std::function<std::unique_ptr<Rule>(const Settings&, nn::ParameterArena&)> make{};
  bool listed = true;  // false: one of a family of rules that would drown the others in a list
};

/// Every rule by name. The registry drives the checks, the benches, the program.
class RuleRegistry {
 public:
  /// Throws Error when the name is taken.
  void add(RuleEntry entry);
  /// A name that is asked for in good faith but cannot be served: `find` answers with the sentence.
  void refuse(const std::string& name, std::string sentence);
  /// Throws Error naming the nearest known rule, or the sentence of a refused name.
  const RuleEntry& find(const std::string& name) const;
  const std::vector<RuleEntry>& entries() const { return entries_; }
  /// Of the rules that are listed.
  std::vector<std::string> names() const;
  /// Fills in defaults. Throws Error on an unknown setting (naming the nearest) or a bad value.
  std::unique_ptr<Rule> make(const std::string& name, const Settings& settings,
                             nn::ParameterArena& arena) const;

 private:
  std::vector<RuleEntry> entries_;
  std::map<std::string, std::string> refusals_;
};

/// The settings with the defaults filled in. Throws Error on an unknown setting (naming the
/// nearest).
Settings complete(const RuleEntry& entry, Settings settings);
/// What the rule needs and costs under these settings, defaults filled in.
RuleNeeds needs_of(const RuleEntry& entry, const Settings& settings);
RuleCost cost_of(const RuleEntry& entry, const Settings& settings, std::int64_t rows);
/// What a step is expected to cost on average, by the rule's cost or else its estimate. Throws
/// Error when it has neither.
WorkCount expected_step(const RuleEntry& entry, const Settings& settings, std::int64_t rows,
                        std::int64_t steps_per_epoch);

/// The rules of rules/, one line each.
RuleRegistry built_in_rules();

}  // namespace polder::optim
