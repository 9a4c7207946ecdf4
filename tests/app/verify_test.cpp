#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/program.h"
#include "app/temporary_folder.h"

/// `polder verify`, through the real binary.
namespace polder::app {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Outcome verify(const std::vector<std::string>& more) {
  const TemporaryFolder folder;
  std::vector<std::string> arguments = {"verify"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_program(arguments, folder.path());
}

TEST(Verify, IsGreenForSamOnTheCpu) {
  const Outcome outcome = verify({"--rule", "sam", "--device", "cpu"});
  EXPECT_EQ(outcome.exit_status, 0) << outcome.output;
  EXPECT_THAT(outcome.output, StartsWith("green  cpu  sam  home  0 (limit 0)"));
  EXPECT_THAT(outcome.output, HasSubstr("\ndoes not apply  cpu  sam  as_cpu: this is the cpu\n"));
  EXPECT_THAT(outcome.output, HasSubstr(" 0 red, "));
  EXPECT_EQ(outcome.error, "");
}

TEST(Verify, TakesSeveralRulesChecksAndDevices) {
  const Outcome outcome = verify(
      {"--rule", "sam,asam", "--check", "reference", "statistics", "--steps", "5", "--json"});
  ASSERT_EQ(outcome.exit_status, 0) << outcome.output;
  const nlohmann::json all = nlohmann::json::parse(outcome.output);
  EXPECT_EQ(all["results"].size() % 4, 0U);  // for each device here
  EXPECT_THAT(all["results"][0]["note"].get<std::string>(), HasSubstr("in 5 steps"));
  EXPECT_GT(all["results"][0]["seconds"], 0.0);
}

TEST(Verify, RefusesWhatItDoesNotKnow) {
  struct Row {
    std::vector<std::string> more;
    std::string words;
  };
  const std::vector<Row> table = {
      {{"--rule", "samm"}, "rule 'samm' is unknown, did you mean 'sam'?"},
      {{"--check", "hom"}, "check 'hom' is unknown, did you mean 'home'?"},
      {{"--device", "cuda:7"}, "cuda:7"},
      {{"--steps", "0"}, "verify: steps is 0, wanted at least 1"}};
  for (const auto& [more, words] : table) {
    const Outcome outcome = verify(more);
    EXPECT_EQ(outcome.exit_status, 1);
    EXPECT_THAT(outcome.error, HasSubstr(words));
    EXPECT_EQ(std::count(outcome.error.begin(), outcome.error.end(), '\n'), 1) << outcome.error;
  }
}

}  // namespace
}  // namespace polder::app
