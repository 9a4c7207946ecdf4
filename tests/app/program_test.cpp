#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "app/program.h"
#include "app/temporary_folder.h"
#include "polder/app/files.h"
#include "polder/app/metrics.h"
#include "polder/app/toml.h"

namespace polder::app {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<std::string> quick(const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments =
      small_run({"--steps", "3", "--train-size", "100", "--test-size", "50", "--batch", "20",
                 "--threads", "1", "--out", "run"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(Program, BareItPrintsHelpWithAnExample) {
  const TemporaryFolder folder;
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, std::vector<std::string>{"--help"}}) {
    const Outcome outcome = run_program(arguments, folder.path());
    EXPECT_EQ(outcome.exit_status, 0);
    EXPECT_THAT(outcome.output, HasSubstr("polder train --data spirals"));
    EXPECT_EQ(outcome.error, "");
  }
}

TEST(Program, HelpNamesEveryRuleAndModel) {
  const TemporaryFolder folder;
  const std::string help = run_program({"train", "--help"}, folder.path()).output;
  for (const char* word :
       {"m_sharp_sam", "lets_asam", "resnet20", "--rho", "--curvature", "cosine"})
    EXPECT_THAT(help, HasSubstr(word));
}

TEST(Program, WrongUsageExitsWithTwo) {
  const TemporaryFolder folder;
  struct Row {
    std::vector<std::string> arguments;
    std::string sentence;
  };
  const std::vector<Row> table = {
      {{"trian"}, "polder: unknown command trian, did you mean train?\n"},
      {{"train", "--lrr", "1"}, "polder: train: unknown option --lrr, did you mean --lr?\n"},
      {{"train", "--label-nose=1"},
       "polder: train: unknown option --label-nose, did you mean --label-noise?\n"},
      {{"train", "--lr"}, "polder: --lr wants a value\n"},
      {{"compare", "--rule", "sam"},
       "polder: compare: unknown option --rule, did you mean --rules?\n"}};
  for (const auto& [arguments, sentence] : table) {
    const Outcome outcome = run_program(arguments, folder.path());
    EXPECT_EQ(outcome.exit_status, 2) << sentence;
    EXPECT_THAT(outcome.error, StartsWith(sentence));
  }
}

TEST(Program, BadInputIsOneSentenceAndLeavesNothingBehind) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "broken.toml", "lr = \n");
  write_file_atomically(folder / "typo.toml", "momentun = 0.5\n");
  struct Row {
    std::vector<std::string> more;
    std::string words;
  };
  const std::vector<Row> table = {
      {{"--rule", "samm"}, "'samm' is unknown, did you mean 'sam'?"},
      {{"--rule", "sam:rhoo=1"}, "setting 'rhoo' is unknown, did you mean 'rho'?"},
      {{"--rule", "sam", "--rho", "-1"}, "rho is -1"},
      {{"--rule", "sam", "--rho", "near"}, "rho: found 'near'"},
      {{"--rule", "none", "--rho", "1"}, "setting 'rho' is unknown"},
      {{"--set", "rho"}, "set: found \"rho\", wanted setting=value"},
      {{"--batch", "5000"}, "batch size 5000"},
      {{"--lr", "fast"}, "lr: found \"fast\""},
      {{"--lr", "-0.1"}, "lr: found \"-0.1\", wanted a number at least 0"},
      {{"--model", "lenett"}, "lenet"},
      {{"--model", "lenet"}, "lenet takes images"},
      {{"--train-size", "100000"}, "train_size: found 100000"},
      {{"--validation", "0", "--rule", "lets_sam"}, "wants held-out samples, but validation is 0"},
      {{"--validation", "0", "--rule", "agnostic_sam"},
       "rule agnostic_sam: wants held-out samples, but validation is 0"},
      {{"--rule", "sam_on"}, "sam_on: the model has no normalisation layers to perturb"},
      {{"--rule", "sparse_sam_fisher:sparsity=0.999999"}, "leaves none of"},
      {{"--rule", "sparse_sam_dynamic:sparsity=0.999999"}, "leaves none of"},
      {{"--rule", "m_sharp_sam:m=65", "--batch", "64"},
       "rule m_sharp_sam: wants batches of 65 rows or more, but batch is 64"},
      {{"--rule", "wasam_bayes_sam:shards=65", "--batch", "64"},
       "wants batches of 65 rows or more"},
      {{"--rule", "k_sam:fraction=1.5"}, "k_sam: fraction is 1.5, want a number in (0, 1]"},
      {{"--rule", "au_sam:fraction=0"}, "au_sam: fraction is 0, want a number in (0, 1]"},
      {{"--rule", "lets_saf"}, "rule lets_saf: saf has no radius that lets could learn"},
      {{"--rule", "lets_agnostic_sam"}, "the wrapped rule has no exact derivative by its radius"},
      {{"--rule", "ada_sam"}, "it is sam on the base optimizer amsgrad"},
      {{"--domains", "0,15"}, "are no images"},
      {{"--domains", "0,15", "--leave-out", "7"}, "leave_out: found 7"},
      {{"--augment", "flip"}, "holds no images"},
      {{"--data", "cifar10", "--data-dir", "nowhere"}, "nowhere"},
      {{"--data", "fashion_mnist", "--data-dir", "nowhere"}, "nowhere"},
      {{"--device", "cuda:7"}, "cuda:7"},
      {{"--warmup", "50"}, "warm"},
      {{"--config", "missing.toml"}, "missing.toml"},
      {{"--config", "broken.toml"}, "broken.toml: line 1"},
      {{"--config", "typo.toml"}, "unknown key \"momentun\", did you mean momentum?"},
      {{"--resume", "nowhere"}, "nowhere holds no run"}};
  for (const auto& [more, words] : table) {
    SCOPED_TRACE(more[0] + " " + more[1]);
    const Outcome outcome = run_program(quick(more), folder.path());
    EXPECT_EQ(outcome.exit_status, 1);
    EXPECT_THAT(outcome.error, StartsWith("polder: "));
    EXPECT_THAT(outcome.error, HasSubstr(words));
    EXPECT_EQ(std::count(outcome.error.begin(), outcome.error.end(), '\n'), 1) << outcome.error;
    EXPECT_FALSE(fs::exists(folder / "run"));
  }
}

TEST(Program, WhatTheFirstStepRefusesIsOneSentence) {
  const TemporaryFolder folder;
  const Outcome outcome =
      run_program(quick({"--rule", "lets_delta_sam:curvature=secant"}), folder.path());
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_THAT(outcome.error,
              StartsWith("polder: lets: secant curvature compares with the clean gradient of the "
                         "same rows, which this rule does not have"));
  EXPECT_EQ(std::count(outcome.error.begin(), outcome.error.end(), '\n'), 1) << outcome.error;
}

TEST(Program, NumbersThatAreNotFiniteNameStepRuleAndRate) {
  const TemporaryFolder folder;
  const Outcome outcome =
      run_program(quick({"--rule", "none", "--lr", "1e25", "--steps", "50"}), folder.path());
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_THAT(outcome.error, HasSubstr("polder: step "));
  EXPECT_THAT(outcome.error, HasSubstr("want "));
  EXPECT_THAT(outcome.error, HasSubstr("(rule none, learning rate "));
}

TEST(Program, ARunIsNotOverwritten) {
  const TemporaryFolder folder;
  ASSERT_EQ(run_program(quick(), folder.path()).exit_status, 0);
  const std::string metrics = read_file(folder / "run/metrics.jsonl");
  EXPECT_THAT(run_program(quick(), folder.path()).error, HasSubstr("holds a run already"));
  EXPECT_EQ(read_file(folder / "run/metrics.jsonl"), metrics);
}

TEST(Program, FlagsWinOverTheFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "my.toml", "lr = 0.25\nseed = 9\n[settings]\nrho = 0.3\n");
  ASSERT_EQ(
      run_program(quick({"--config", "my.toml", "--lr", "0.125", "--nesterov"}), folder.path())
          .exit_status,
      0);
  const std::string config = read_file(folder / "run/config.toml");
  for (const char* line :
       {"\nlr = 0.125 ", "\nseed = 9 ", "\nnesterov = true ", "\nrho = \"0.3\"\n"})
    EXPECT_THAT(config, HasSubstr(line));
}

TEST(Program, AComparisonLeavesTableResultsAndReport) {
  const TemporaryFolder folder;
  const Outcome outcome = run_program(
      {"compare",     "--data",      "spirals", "--model", "mlp",     "--rules", "none",
       "sam:rho=0.1", "sam:rho=0.2", "--seeds", "2",       "--steps", "3",       "--train-size",
       "100",         "--test-size", "50",      "--batch", "20",      "--out",   "table"},
      folder.path());
  ASSERT_EQ(outcome.exit_status, 0) << outcome.error;
  EXPECT_THAT(outcome.output, HasSubstr("difference to none"));
  EXPECT_THAT(read_file(folder / "table/results.json"), HasSubstr("\"rule\": \"sam:rho=0.2\""));
  EXPECT_THAT(read_file(folder / "table/report.html"), HasSubstr("sam rho=0.2"));
  EXPECT_TRUE(fs::exists(folder / "table/runs/sam-rho=0.1-seed2/result.json"));
}

TEST(Program, SecondsAreMeasuredOnceAndThenTheSameForEveryRule) {
  const TemporaryFolder folder;
  std::vector<std::string> arguments = {
      "compare",     "--data", "spirals",   "--model", "mlp",          "--rules",
      "none",        "sam",    "--seeds",   "1",       "--steps",      "30",
      "--batch",     "20",     "--threads", "1",       "--train-size", "100",
      "--test-size", "50",     "--out",     "table",   "--budget",     "seconds"};
  ASSERT_EQ(run_program(arguments, folder.path()).exit_status, 0);
  Config config;
  read_toml(config, read_file(folder / "table/config.toml"), "config");
  EXPECT_GT(config.budget_size, 0.0);
  for (const char* run : {"none-seed1", "sam-seed1"}) {
    const fs::path file = folder / "table/runs" / run / "result.json";
    const RunResult result = parse_result(read_file(file), "result");
    EXPECT_GE(result.train_seconds, config.budget_size * (1 - 1e-9)) << run;
  }
  const Outcome again = run_program(arguments, folder.path());
  EXPECT_EQ(again.exit_status, 0) << again.error;
  EXPECT_THAT(again.output, HasSubstr("0 of 2 runs to make"));
}

TEST(Program, AComparisonThatCannotStartIsOneSentence) {
  const TemporaryFolder folder;
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{"--data", "cifar10", "--data-dir", "nowhere"},
        std::vector<std::string>{"--data", "spirals", "--model", "mlp", "--batch", "99999"}}) {
    std::vector<std::string> arguments = {"compare", "--out", "table"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run_program(arguments, folder.path());
    EXPECT_EQ(outcome.exit_status, 1);
    EXPECT_THAT(outcome.error, StartsWith("polder: "));
    EXPECT_THAT(outcome.error, HasSubstr(more.back()));
    EXPECT_FALSE(fs::exists(folder / "table/config.toml"));
  }
}

TEST(Program, ARunThatFailsDoesNotStopTheOthers) {
  const TemporaryFolder folder;
  const Outcome outcome = run_program({"compare",      "--data",  "spirals",     "--model",
                                       "mlp",          "--rules", "none",        "sam:rho=1e30",
                                       "--seeds",      "1",       "--jobs",      "1",
                                       "--steps",      "4",       "--batch",     "20",
                                       "--train-size", "100",     "--test-size", "50",
                                       "--out",        "table"},
                                      folder.path());
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_THAT(outcome.error, HasSubstr("compare: 1 of 2 runs failed, the first because step 1"));
  EXPECT_TRUE(fs::exists(folder / "table/runs/none-seed1/result.json"));
  EXPECT_TRUE(fs::exists(folder / "table/report.html"));
}

TEST(Program, AComparisonRefusesRepeatedAndUnknownRules) {
  const TemporaryFolder folder;
  const Outcome twice = run_program({"compare", "--rules", "sam", "sam"}, folder.path());
  EXPECT_EQ(twice.exit_status, 1);
  EXPECT_THAT(twice.error, HasSubstr("the same rule appears twice"));
  const Outcome unknown = run_program({"compare", "--rules", "none", "asamm"}, folder.path());
  EXPECT_EQ(unknown.exit_status, 1);
  EXPECT_THAT(unknown.error, HasSubstr("did you mean 'asam'"));
}

}  // namespace
}  // namespace polder::app
