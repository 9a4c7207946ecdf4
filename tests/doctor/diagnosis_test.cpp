#include "polder/doctor/diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "polder/core/error.h"
#include "polder/doctor/symptoms.h"

namespace polder::doctor {
namespace {

using ::testing::ElementsAre;

Diagnosis example() {
  Diagnosis diagnosis{
      50,
      {fine("all is well"), wrong("it is 2, not 1", "That is too much.", "Halve it."),
       unknown("nobody looked")}};
  diagnosis.findings[0].symptom = "finite";
  diagnosis.findings[1].symptom = "statistics";
  diagnosis.findings[2].symptom = "clamp";
  return diagnosis;
}

TEST(Diagnosis, IsHealthyWithoutWrongs) {
  Diagnosis diagnosis = example();
  EXPECT_FALSE(diagnosis.healthy());
  diagnosis.findings.erase(diagnosis.findings.begin() + 1);
  EXPECT_TRUE(diagnosis.healthy());
}

TEST(Diagnosis, FindsByName) {
  EXPECT_EQ(example().of("statistics").measured, "it is 2, not 1");
  EXPECT_THROW(example().of("fever"), Error);
}

TEST(Diagnosis, ReadsAsALineEachAndThreeForWhatIsWrong) {
  EXPECT_EQ(to_text(example()),
            "50 steps examined, 1 thing is wrong\n"
            "  ok     finite      all is well\n"
            "  WRONG  statistics  it is 2, not 1\n"
            "                     Why: That is too much.\n"
            "                     Do: Halve it.\n"
            "  -      clamp       nobody looked\n");
  EXPECT_EQ(to_text({1, {}}), "1 step examined, nothing wrong\n");
}

TEST(Diagnosis, KeepsWithinItsColumns) {
  Diagnosis diagnosis = example();
  for (int i = 0; i < 30; ++i) diagnosis.findings[1].why += " and more";
  for (const std::size_t columns : {40U, 100U}) {
    std::istringstream lines(to_text(diagnosis, columns));
    std::size_t longest = 0;
    for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
    EXPECT_LE(longest, columns);
    EXPECT_GT(longest, columns - 10);
  }
}

TEST(Wrapped, BreaksAtSpaces) {
  EXPECT_THAT(wrapped("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrapped("indivisible x", 4), ElementsAre("indivisible", "x"));
  EXPECT_THAT(wrapped("", 4), ElementsAre(""));
}

TEST(SymptomTable, HasEveryNameOnce) {
  std::vector<std::string_view> names;
  for (const SymptomRow& row : symptom_table()) names.push_back(row.name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

}  // namespace
}  // namespace polder::doctor
