#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <random>

#include "app/program.h"
#include "app/same_state.h"
#include "app/temporary_folder.h"
#include "polder/app/metrics.h"

namespace polder::app {
namespace {

constexpr int kKills = 20;

std::vector<std::string> run_in(const std::string& folder) {
  return small_run({"--rule",
                    "lets_sam",
                    "--lr-nu",
                    "0.01",
                    "--steps",
                    "120",
                    "--train-size",
                    "300",
                    "--test-size",
                    "100",
                    "--checkpoint-every",
                    "4",
                    "--eval-every",
                    "10",
                    "--record-every",
                    "3",
                    "--receipts-every",
                    "25",
                    "--threads",
                    "1",
                    "--batch",
                    "40",
                    "--lr",
                    "0.05",
                    "--resume",
                    "--out",
                    folder});
}

/// Milliseconds that a whole run takes here and now.
int milliseconds_of_a_run(const fs::path& folder) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(run_program(run_in("whole"), folder).exit_status, 0);
  const auto took = std::chrono::steady_clock::now() - start;
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
}

/// The moments are random and depend on the machine; the assertion does not.
TEST(Resume, KilledAtRandomMomentsEndsWithTheSameBits) {
  const TemporaryFolder folder;
  const int whole = milliseconds_of_a_run(folder.path());
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 numbers(seed);
  std::uniform_int_distribution<int> moment(0, std::max(4, whole / 3));
  int kills = 0;
  for (int sequence = 0; kills < kKills; ++sequence) {
    const std::string name = "killed" + std::to_string(sequence);
    for (bool finished = false; !finished;) {
      Program program(run_in(name), folder.path());
      // Once there were enough kills the run may live to its end.
      if (kills < kKills && !program.ends_within(moment(numbers))) {
        program.send(SIGKILL);
        kills += program.wait().signal == SIGKILL ? 1 : 0;
        continue;
      }
      const Outcome outcome = program.wait();
      ASSERT_EQ(outcome.exit_status, 0) << outcome.error;
      finished = true;
    }
    expect_same_run(folder / "whole", folder / name, 120);
  }
}

TEST(Resume, CtrlCWritesACheckpointAndSaysHowToGoOn) {
  const TemporaryFolder folder;
  Program program(run_in("run"), folder.path());
  const auto under_way = [&] {
    const fs::path metrics = folder / "run/metrics.jsonl";
    return fs::exists(metrics) && fs::file_size(metrics) > 0;
  };
  while (!under_way()) ASSERT_FALSE(program.ends_within(1));
  program.send(SIGINT);
  const Outcome outcome = program.wait();
  EXPECT_EQ(outcome.exit_status, 130) << outcome.error;
  EXPECT_NE(outcome.output.find("go on with: polder train --resume run"), std::string::npos);
  EXPECT_EQ(run_program({"train", "--resume", "run"}, folder.path()).exit_status, 0);
  EXPECT_EQ(run_program(run_in("whole"), folder.path()).exit_status, 0);
  expect_same_run(folder / "whole", folder / "run", 120);
}

std::vector<std::string> comparison_in(const std::string& folder) {
  return {"compare",     "--data",  "spirals",     "--model",      "mlp",
          "--rules",     "none",    "sam:rho=0.1", "lets_sam",     "--seeds",
          "2",           "--steps", "25",          "--train-size", "200",
          "--test-size", "100",     "--batch",     "40",           "--checkpoint-every",
          "5",           "--jobs",  "2",           "--out",        folder};
}

std::vector<fs::path> runs_of(const fs::path& folder) {
  std::vector<fs::path> names;
  for (const auto& entry : fs::directory_iterator(folder / "runs"))
    names.push_back(entry.path().filename());
  return names;
}

TEST(Resume, AStoppedComparisonMakesOnlyTheMissingRuns) {
  const TemporaryFolder folder;
  ASSERT_EQ(run_program(comparison_in("whole"), folder.path()).exit_status, 0);
  Program program(comparison_in("parts"), folder.path());
  const fs::path first = folder / "parts/runs/none-seed1/result.json";
  while (!fs::exists(first)) ASSERT_FALSE(program.ends_within(1));
  program.send(SIGINT);
  const Outcome stopped = program.wait();
  const std::string made = read_file(first);
  EXPECT_EQ(stopped.exit_status, 130) << stopped.error;
  EXPECT_NE(stopped.output.find("polder compare --resume parts"), std::string::npos);
  const Outcome outcome = run_program({"compare", "--resume", "parts"}, folder.path());
  ASSERT_EQ(outcome.exit_status, 0) << outcome.error;
  EXPECT_EQ(outcome.output.find("6 of 6 runs to make"), std::string::npos) << outcome.output;
  EXPECT_EQ(read_file(first), made);  // its time too: it was not made again
  const Outcome nothing_left = run_program(comparison_in("parts"), folder.path());
  EXPECT_NE(nothing_left.output.find("0 of 6 runs to make"), std::string::npos);
  const std::vector<fs::path> names = runs_of(folder / "whole");
  EXPECT_EQ(names.size(), 6U);
  EXPECT_EQ(runs_of(folder / "parts").size(), 6U);
  for (const fs::path& name : names)
    expect_same_run(folder / "whole" / "runs" / name, folder / "parts" / "runs" / name, 25);
}

TEST(Resume, AStoppedComparisonAtEqualEvaluationsEndsLikeAWholeOne) {
  const TemporaryFolder folder;
  const auto comparison = [](const std::string& out) {
    std::vector<std::string> arguments = comparison_in(out);
    const auto rules = std::find(arguments.begin(), arguments.end(), "lets_sam");
    arguments.insert(rules, {"ae_sam:rho=0.3", "k_sam"});
    for (const char* more : {"--budget", "evaluations", "--budget-size", "60", "--seeds", "1"})
      arguments.emplace_back(more);
    return arguments;
  };
  ASSERT_EQ(run_program(comparison("whole"), folder.path()).exit_status, 0);
  Program program(comparison("parts"), folder.path());
  const fs::path first = folder / "parts/runs/none-seed1/metrics.jsonl";
  while (!fs::exists(first) || fs::file_size(first) == 0) ASSERT_FALSE(program.ends_within(1));
  program.send(SIGINT);
  EXPECT_EQ(program.wait().exit_status, 130);
  const Outcome outcome = run_program({"compare", "--resume", "parts"}, folder.path());
  ASSERT_EQ(outcome.exit_status, 0) << outcome.error;
  for (const fs::path& name : runs_of(folder / "whole")) {
    const fs::path run = folder / "whole/runs" / name;
    const RunResult result = parse_result(read_file(run / "result.json"), "result");
    EXPECT_GE(result.evaluations, 60.0 - 1e-6);
    EXPECT_LT(result.evaluations, 60.0 + 6.0);  // less than the dearest step
    expect_same_run(run, folder / "parts/runs" / name, result.steps);
  }
}

}  // namespace
}  // namespace polder::app
