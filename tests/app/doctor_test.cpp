#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "app/program.h"
#include "app/temporary_folder.h"
#include "polder/app/files.h"

/// `polder doctor` through the real binary.
namespace polder::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::vector<std::string> quick(const std::string& command, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {
      command,        "--data", "spirals",     "--model", "mlp",       "--batch", "20",
      "--train-size", "100",    "--test-size", "50",      "--threads", "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::size_t longest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t longest = 0;
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

TEST(Doctor, FindsNothingInAHealthyTrainingAndLeavesNothing) {
  const TemporaryFolder folder;
  const Outcome outcome = run_program(
      quick("doctor", {"--rule", "sam", "--rho", "0.1", "--examine", "12"}), folder.path());
  EXPECT_EQ(outcome.exit_status, 0) << outcome.error;
  EXPECT_THAT(outcome.output, StartsWith("mlp with sam:rho=0.1 on spirals\n"));
  EXPECT_THAT(outcome.output, HasSubstr("\n12 steps examined, nothing wrong\n"));
  EXPECT_THAT(outcome.output, HasSubstr("looks were 0.1 away from w on average, rho is 0.1\n"));
  EXPECT_THAT(outcome.output, Not(HasSubstr("WRONG")));
  EXPECT_LE(longest_line(outcome.output), 100U);
  EXPECT_FALSE(fs::exists(folder / "runs"));
}

TEST(Doctor, SaysWhatIsWrongAndExitsWithThree) {
  const TemporaryFolder folder;
  const Outcome outcome =
      run_program(quick("doctor", {"--rho", "0", "--lr", "0", "--steps", "60"}), folder.path());
  EXPECT_EQ(outcome.exit_status, 3);
  EXPECT_EQ(outcome.error, "");
  EXPECT_THAT(outcome.output, HasSubstr("50 steps examined, 2 things are wrong\n"));
  for (const char* words : {"  WRONG  moves ", "Do: Set the learning rate", "  WRONG  perturbs ",
                            "Do: The radius is 0: set rho."})
    EXPECT_THAT(outcome.output, HasSubstr(words));
  EXPECT_LE(longest_line(outcome.output), 100U);
}

TEST(Doctor, ExaminesARunFromItsCheckpoint) {
  const TemporaryFolder folder;
  ASSERT_EQ(
      run_program(quick("train", {"--steps", "4", "--out", "run"}), folder.path()).exit_status, 0);
  const std::string config = read_file(folder / "run/config.toml");
  const Outcome more = run_program({"doctor", "--resume", "run", "--steps", "7"}, folder.path());
  EXPECT_EQ(more.exit_status, 0) << more.error;
  EXPECT_THAT(more.output, HasSubstr("\n3 steps examined"));
  EXPECT_EQ(read_file(folder / "run/config.toml"), config);
  const Outcome done = run_program({"doctor", "--resume", "run"}, folder.path());
  EXPECT_EQ(done.exit_status, 1);
  EXPECT_THAT(done.error, HasSubstr("all 4 steps of the run have been made"));
}

TEST(Doctor, BadInputIsOneSentence) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "empty");
  write_file_atomically(folder / "empty/config.toml", "seed = 2\n");
  struct Row {
    std::vector<std::string> more;
    std::string words;
  };
  for (const auto& [more, words] : {Row{{"--examine", "0"}, "0 steps to examine"},
                                    Row{{"--rule", "samm"}, "did you mean 'sam'"},
                                    Row{{"--resume", "empty"}, "empty holds no checkpoint"}}) {
    const Outcome outcome = run_program(quick("doctor", more), folder.path());
    EXPECT_EQ(outcome.exit_status, 1);
    EXPECT_THAT(outcome.error, HasSubstr(words));
  }
}

}  // namespace
}  // namespace polder::app
