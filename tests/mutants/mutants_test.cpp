#include <gtest/gtest.h>

#include <map>
#include <set>

#include "mutants/mutant.h"
#include "polder/verify/check.h"

/// Every wrong rule must turn the checks red that are named for it, and the right rule none of
/// them.
namespace polder::mutants {
namespace {

const std::vector<Mutant>& all_mutants() {
  static const std::vector<Mutant> all = [] {
    std::vector<Mutant> mutants;
    for (const auto& family : {perturbation, decomposition, skipping, several_points, trajectory,
                               subset, learned_radius, habits})
      for (Mutant& mutant : family()) mutants.push_back(std::move(mutant));
    return mutants;
  }();
  return all;
}

class Mutants : public testing::TestWithParam<Mutant> {};
INSTANTIATE_TEST_SUITE_P(Rules, Mutants, testing::ValuesIn(all_mutants()),
                         [](const auto& row) { return row.param.family + "_" + row.param.name; });

bool only_elsewhere(const std::string& check) { return check == "as_cpu" || check == "recorded"; }

/// The first device beside the cpu, for checks that compare with it; the cpu where there is none.
Device device_for(const std::string& check) {
  if (!only_elsewhere(check)) return kCpu;
  for (const Device device : kernels::available_devices())
    if (device != kCpu) return device;
  return kCpu;
}

verify::Outcome run(const std::string& check, const RuleEntry& entry) {
  return verify::run(verify::find_check(check), {entry, true_rules(), device_for(check)});
}

TEST_P(Mutants, IsCaughtUnlessItMakesNoMistake) {
  const Mutant& mutant = GetParam();
  for (const std::string& name : mutant.checks) {
    const verify::Outcome outcome = run(name, mutant.entry);
    if (outcome.state == verify::Outcome::State::not_applicable && only_elsewhere(name))
      GTEST_SKIP() << outcome.note;
    if (mutant.control) {
      EXPECT_TRUE(outcome.green()) << name << ": " << outcome.note;
      continue;
    }
    EXPECT_TRUE(outcome.red()) << mutant.entry.name << ": " << mutant.wrong << ", and " << name
                               << " is not red (" << outcome.error << ", limit " << outcome.limit
                               << ": " << outcome.note << ")";
    // Red for what was measured, not because the mutant could not be run at all.
    EXPECT_EQ(outcome.note.find("it threw"), std::string::npos) << outcome.note;
  }
}

TEST_P(Mutants, TheRightRuleIsNot) {
  const Mutant& mutant = GetParam();
  for (const std::string& name : mutant.checks) {
    const verify::Outcome outcome = run(name, true_rules().find(mutant.entry.name));
    if (outcome.state == verify::Outcome::State::not_applicable && only_elsewhere(name))
      GTEST_SKIP() << outcome.note;
    EXPECT_TRUE(outcome.green()) << mutant.entry.name << " " << name << ": " << outcome.note;
  }
}

TEST(MutantsTable, TurnsEveryCheckRed) {
  std::set<std::string> named;
  for (const Mutant& mutant : all_mutants())
    named.insert(mutant.checks.begin(), mutant.checks.end());
  for (const verify::Check& check : verify::checks())
    EXPECT_TRUE(named.contains(check.name)) << "no mutant shows that " << check.name << " can fail";
}

TEST(MutantsTable, HasThreeOfEachFamilyAndNoTwoOfAName) {
  std::map<std::string, int> families;
  std::set<std::string> names;
  for (const Mutant& mutant : all_mutants()) {
    if (!mutant.control) ++families[mutant.family];
    EXPECT_TRUE(names.insert(mutant.name).second) << mutant.name;
    EXPECT_FALSE(mutant.checks.empty()) << mutant.name;
  }
  EXPECT_EQ(families.size(), 8U);
  for (const auto& [family, count] : families) EXPECT_GE(count, 3) << family;
}

}  // namespace
}  // namespace polder::mutants
