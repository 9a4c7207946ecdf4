#include "polder/verify/check.h"

#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "test_support.h"

namespace polder::verify {
namespace {

using testing::HasSubstr;

TEST(Outcome, IsRedPastItsLimit) {
  EXPECT_TRUE(measured(1e-9, 1e-9, "").green());
  EXPECT_TRUE(measured(1.1e-9, 1e-9, "").red());
  EXPECT_TRUE(measured(std::nan(""), 1e-9, "").red());
  EXPECT_TRUE(complaint("").green());
  EXPECT_TRUE(complaint("wrong").red());
  EXPECT_FALSE(not_applicable("why").green());
  EXPECT_FALSE(not_applicable("why").red());
}

TEST(Checks, HaveNamesOfTheirOwnAndSayWhatGreenMeans) {
  std::set<std::string> names;
  for (const Check& check : checks()) {
    EXPECT_TRUE(names.insert(check.name).second) << check.name;
    EXPECT_FALSE(check.explanation.empty()) << check.name;
  }
  EXPECT_GT(names.size(), 20U);
}

TEST(Checks, AnUnknownOneIsAnError) {
  EXPECT_THAT(error_of([] { find_check("exceptoin"); }), HasSubstr("did you mean 'exception'?"));
}

TEST(Checks, OneThatThrowsIsRedWithTheSentence) {
  const Check throws{"throws", "never", [](const Subject&) -> Outcome { fail("no such luck"); }};
  const optim::RuleRegistry rules = optim::built_in_rules();
  const int threads = kernels::thread_count();
  const Outcome outcome = run(throws, {rules.find("sam"), rules});
  EXPECT_TRUE(outcome.red());
  EXPECT_EQ(outcome.note, "it threw: no such luck");
  EXPECT_EQ(kernels::thread_count(), threads);
}

}  // namespace
}  // namespace polder::verify
