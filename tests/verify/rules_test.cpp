#include <gtest/gtest.h>

#include "polder/lets/lets.h"
#include "polder/verify/check.h"

/// Every check of every rule: a row of either registry is tested by existing.
namespace polder::verify {
namespace {

const optim::RuleRegistry& all_rules() {
  static const optim::RuleRegistry rules = [] {
    optim::RuleRegistry registry = optim::built_in_rules();
    lets::add_rules(registry);
    return registry;
  }();
  return rules;
}

struct Case {
  Device device;
  std::string rule;
  std::string check;
};

/// lets does the same over every rule: on the slow devices two of them are enough. What does not
/// depend on the device is checked on the cpu alone.
bool is_worth_it(const Case& row) {
  if (row.device == kCpu) return row.check != "as_cpu" && row.check != "recorded";
  const bool sample = row.rule == "lets_sam" || row.rule == "lets_asam";
  if (row.rule.starts_with("lets_") && !sample) return row.check == "recorded";
  for (const char* check : {"as_cpu", "recorded", "seed", "reference", "exception"})
    if (row.check == check) return true;
  return false;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Device device : kernels::available_devices())
    for (const std::string& rule : all_rules().names())
      for (const Check& check : checks())
        if (const Case row{device, rule, check.name}; is_worth_it(row)) all.push_back(row);
  return all;
}

std::string to_text(const Case& row) {
  std::string name = to_string(row.device) + "_" + row.rule + "_" + row.check;
  std::erase(name, ':');
  return name;
}
void PrintTo(const Case& row, std::ostream* out) { *out << to_text(row); }

class EveryRule : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Checks, EveryRule, testing::ValuesIn(cases()),
                         [](const auto& row) { return to_text(row.param); });

TEST_P(EveryRule, Holds) {
  const Check& check = find_check(GetParam().check);
  const optim::RuleEntry& entry = all_rules().find(GetParam().rule);
  const Outcome outcome = run(check, {entry, all_rules(), GetParam().device});
  if (outcome.state == Outcome::State::not_applicable) GTEST_SKIP() << outcome.note;
  EXPECT_TRUE(outcome.green()) << check.explanation << "; found " << outcome.error << ", limit "
                               << outcome.limit << ": " << outcome.note;
}

}  // namespace
}  // namespace polder::verify
