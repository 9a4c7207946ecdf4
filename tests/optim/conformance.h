#pragma once

#include <gtest/gtest.h>

#include <string>

#include "optim/support.h"

namespace polder::optim {

inline const RuleEntry& entry_of(const std::string& name) {
  static const RuleRegistry rules = built_in_rules();
  return rules.find(name);
}

/// Tests for every rule of the registry: a new row is tested by existing.
class RuleConformance : public testing::TestWithParam<std::string> {
 protected:
  // One thread: a team costs more than the small net is worth.
  RuleConformance() { kernels::set_thread_count(1); }
  ~RuleConformance() override { kernels::set_thread_count(threads_); }

  const RuleEntry& entry() const { return entry_of(GetParam()); }
  /// Settings that show the rule at work.
  Settings trial() const { return Settings(entry().trial); }
  Settings trial_with(const std::string& name, const std::string& value) const {
    Settings settings = trial();
    settings.set(name, value);
    return settings;
  }

 private:
  int threads_ = kernels::thread_count();
};

inline std::vector<std::string> rules_with_a_radius() {
  nn::ParameterArena arena({{"w", Tensor::zeros({9})}});
  std::vector<std::string> names;
  for (const std::string& name : built_in_rules().names())
    if (dynamic_cast<RadiusRule*>(built_in_rules().make(name, {}, arena).get()) != nullptr)
      names.push_back(name);
  return names;
}

inline RadiusRule& radius_rule_of(Training& training) {
  return dynamic_cast<RadiusRule&>(*training.rule);
}

/// The bits of a rule's weights after some steps on the small net.
inline std::vector<std::byte> trained(const std::string& rule,
                                      const std::map<std::string, std::string>& settings = {},
                                      int steps = 20, const NetOptions& net = {}) {
  Training training(rule, Settings(settings), net);
  training.run_steps(steps);
  return training.weight_bits();
}

}  // namespace polder::optim

/// Declares the fixture Name and runs it for every rule, or for every rule with a radius.
#define POLDER_EVERY_RULE(Name)                                                      \
  class Name : public RuleConformance {};                                            \
  INSTANTIATE_TEST_SUITE_P(Rules, Name, testing::ValuesIn(built_in_rules().names()), \
                           [](const auto& parameter) { return parameter.param; })
#define POLDER_EVERY_RADIUS_RULE(Name)                                            \
  class Name : public RuleConformance {};                                         \
  INSTANTIATE_TEST_SUITE_P(Rules, Name, testing::ValuesIn(rules_with_a_radius()), \
                           [](const auto& parameter) { return parameter.param; })
