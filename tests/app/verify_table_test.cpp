#include "polder/app/verify_table.h"

#include <gmock/gmock.h>

#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>

namespace polder::app {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using verify::complaint;
using verify::measured;
using verify::not_applicable;

std::vector<Verdict> some_verdicts() {
  return {{kCpu, "sam", "home", measured(0.0, 0.0, "bytes")},
          {kCpu, "sam", "reference", measured(2.1e-13, 1e-9, "distance")},
          {kCpu, "sam", "as_cpu", not_applicable("this is the cpu")},
          {kCpu, "asam", "home", complaint("the weights stayed away")},
          {kCpu, "asam", "reference", not_applicable("no reference has its name")}};
}

TEST(ShortError, TakesFiveLetters) {
  EXPECT_EQ(short_error(0.0), "0");
  EXPECT_EQ(short_error(2.13e-13), "2e-13");
  EXPECT_EQ(short_error(0.031), "3e-2");
  EXPECT_EQ(short_error(1.0), "1");
  EXPECT_EQ(short_error(225.0), "2e2");
  EXPECT_EQ(short_error(1e11), "1e11");
  EXPECT_EQ(short_error(std::numeric_limits<double>::infinity()), "inf");
}

TEST(VerifyTable, IsRuleByCheck) {
  const Screen plain(std::tmpfile());
  const std::vector<std::string> lines = verify_table(some_verdicts(), plain, 100);
  EXPECT_THAT(lines, Contains(HasSubstr("╭ home  after each step")));
  EXPECT_THAT(lines, Contains("sam   0     2e-13 "));
  EXPECT_THAT(lines, Contains("asam  ✗1    ·     "));
  // What applies to no rule has no column.
  EXPECT_THAT(lines, Not(Contains(HasSubstr("as_cpu"))));
}

TEST(VerifyTable, IsCutIntoPanelsThatFit) {
  std::vector<Verdict> verdicts;
  for (const verify::Check& check : verify::checks())
    verdicts.push_back({kCpu, "lets_sparse_sam_dynamic", check.name, measured(1e-13, 1e-9, "")});
  const Screen plain(std::tmpfile());
  for (const std::size_t width : {60U, 100U}) {
    std::size_t cells = 0;
    for (const std::string& line : verify_table(verdicts, plain, width)) {
      EXPECT_LE(columns_of(line), width) << line;
      for (std::size_t at = line.find("1e-13"); at != std::string::npos;
           at = line.find("1e-13", at + 1))
        ++cells;
    }
    EXPECT_EQ(cells, verify::checks().size());
  }
}

TEST(VerdictLine, SaysWhatWasMeasuredOrWhyNothing) {
  const std::vector<Verdict> verdicts = some_verdicts();
  EXPECT_EQ(verdict_line(verdicts[1]),
            "green  cpu  sam  reference  2.1e-13 (limit 1e-09): distance");
  EXPECT_EQ(verdict_line(verdicts[2]), "does not apply  cpu  sam  as_cpu: this is the cpu");
  EXPECT_THAT(verdict_line(verdicts[3]), HasSubstr("red  cpu  asam  home"));
  EXPECT_EQ(verify_summary(verdicts), "2 green, 1 red, 2 do not apply");
}

TEST(VerifyJson, HoldsEveryVerdict) {
  const nlohmann::json all = nlohmann::json::parse(to_json(some_verdicts()));
  EXPECT_EQ(all["green"], 2);
  EXPECT_EQ(all["red"], 1);
  EXPECT_EQ(all["does_not_apply"], 2);
  ASSERT_EQ(all["results"].size(), 5U);
  EXPECT_EQ(all["results"][1]["error"], 2.1e-13);
  EXPECT_EQ(all["results"][3]["note"], "the weights stayed away");
}

}  // namespace
}  // namespace polder::app
