#include "polder/app/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "app/full_disk.h"
#include "app/same_state.h"
#include "app/temporary_folder.h"
#include "polder/app/run_folder.h"
#include "polder/app/safetensors.h"
#include "test_support.h"

namespace polder::app {
namespace {

using ::testing::HasSubstr;

Config small_config(const fs::path& folder, const std::string& rule = "lets_sam:lr_nu=0.01") {
  Config config;
  config.data = "spirals";
  config.model = "mlp";
  config.rule = rule;
  config.batch = 50;
  config.steps = 30;
  config.lr = 0.05;
  config.checkpoint_every = 7;
  config.eval_every = 10;
  config.record_every = 3;
  config.receipts_every = 12;
  config.test_size = 100;
  config.train_size = 300;
  config.threads = 1;
  config.out = folder.string();
  return resolved(config);
}

/// Stops a run after some steps.
class StopAfter final : public RunWatcher {
 public:
  explicit StopAfter(std::int64_t steps) : left_(steps) {}
  void stepped(const StepRecord&) override { --left_; }
  std::function<bool()> asked() {
    return [this] { return left_ <= 0; };
  }

 private:
  std::int64_t left_;
};

void run_to_end(const Config& config, bool resume = false) {
  RunWatcher nobody;
  EXPECT_EQ(run_training(config, resume, nobody, [] { return false; }), RunOutcome::finished);
}

TEST(Run, LeavesItsFolder) {
  const TemporaryFolder folder;
  run_to_end(small_config(folder.path()));
  for (const char* name : {"config.toml", "metrics.jsonl", "result.json", "report.html",
                           "checkpoints/best.safetensors", "checkpoints/step-28.safetensors",
                           "checkpoints/step-30.safetensors"})
    EXPECT_TRUE(fs::exists(folder / name)) << name;
  EXPECT_FALSE(fs::exists(folder / "checkpoints/step-21.safetensors"));
  const History history = parse_history(read_file(folder / "metrics.jsonl"), "metrics");
  EXPECT_EQ(history.steps.size(), 11U);       // 1, 3, 6, ..., 30
  EXPECT_EQ(history.evaluations.size(), 3U);  // 10, 20, 30
  EXPECT_EQ(history.receipts.size(), 3U);     // before steps 1, 13, 25
  const RunResult result = parse_result(read_file(folder / "result.json"), "result");
  EXPECT_EQ(result.steps, 30);
  EXPECT_EQ(result.test.accuracy, history.evaluations.back().test.accuracy);
  EXPECT_EQ(result.radius, history.steps.back().radius);
}

TEST(Run, SameSeedSameBitsForAnyThreadCount) {
  for (const std::string rule : {"none", "asam", "m_sharp_sam:m=3", "lets_sam:lr_nu=0.01"}) {
    SCOPED_TRACE(rule);
    const TemporaryFolder one, two, again;
    Config config = small_config(one.path(), rule);
    config.steps = 12;
    run_to_end(config);
    config.out = two.path().string();
    config.threads = 2;
    run_to_end(config);
    config.out = again.path().string();
    run_to_end(config);
    expect_same_run(one.path(), two.path(), 12);
    expect_same_run(two.path(), again.path(), 12);
  }
}

TEST(Run, AnotherSeedGivesOtherBits) {
  const TemporaryFolder one, two;
  Config config = small_config(one.path());
  run_to_end(config);
  config.out = two.path().string();
  config.seed = 2;
  run_to_end(config);
  EXPECT_NE(read_file(one / "metrics.jsonl"), read_file(two / "metrics.jsonl"));
}

TEST(Run, StoppedAndResumedAnywhereEndsWithTheSameBits) {
  for (const std::string optimizer : {"sgd", "adamw"}) {
    for (const std::string rule :
         {"none", "lets_asam:lr_nu=0.01,per_segment=true", "wasam_lets_sam:start=0.3"}) {
      SCOPED_TRACE(optimizer + " " + rule);
      const TemporaryFolder whole, parts;
      Config config = small_config(whole.path(), rule);
      config.optimizer = optimizer;
      if (optimizer == "adamw") config.lr = 0.002;
      run_to_end(config);
      config.out = parts.path().string();
      for (const std::int64_t steps : {1, 6, 1, 11}) {
        StopAfter watcher(steps);
        EXPECT_EQ(run_training(config, true, watcher, watcher.asked()), RunOutcome::interrupted);
      }
      run_to_end(config, true);
      expect_same_run(whole.path(), parts.path(), 30);
    }
  }
}

TEST(Run, BatchNormAndDropoutStateComesBack) {
  const TemporaryFolder whole, parts;
  Config config = small_config(whole.path(), "sam");
  config.data = "fashion_mnist";
  config.model = "resnet20";
  config.train_size = 60;
  config.test_size = 10;
  config.batch = 12;
  config.steps = 4;
  config.augment = "crop_flip_cutout";
  try {
    run_to_end(config);
  } catch (const Error& error) {
    const std::string sentence = error.what();
    if (sentence.find("find_fashion_mnist") == std::string::npos) throw;
    GTEST_SKIP() << sentence;
  }
  config.out = parts.path().string();
  StopAfter watcher(2);
  EXPECT_EQ(run_training(config, true, watcher, watcher.asked()), RunOutcome::interrupted);
  run_to_end(config, true);
  expect_same_run(whole.path(), parts.path(), 4);
}

TEST(Run, AFolderInUseIsRefusedAndKept) {
  const TemporaryFolder folder;
  Config config = small_config(folder.path());
  run_to_end(config);
  const std::string metrics = read_file(folder / "metrics.jsonl");
  RunWatcher nobody;
  const auto never = [] { return false; };
  EXPECT_THAT(error_of([&] { run_training(config, false, nobody, never); }),
              HasSubstr("holds a run already; continue it with --resume"));
  config.lr = 0.3;
  EXPECT_THAT(error_of([&] { run_training(config, true, nobody, never); }),
              HasSubstr("has another configuration: lr differ"));
  EXPECT_EQ(read_file(folder / "metrics.jsonl"), metrics);
}

TEST(Run, ALongerRunGoesOn) {
  const TemporaryFolder folder;
  Config config = small_config(folder.path());
  config.schedule = "constant";
  run_to_end(config);
  config.steps = 40;
  run_to_end(config, true);
  EXPECT_EQ(parse_result(read_file(folder / "result.json"), "result").steps, 40);
  config.steps = 20;
  EXPECT_THAT(error_of([&] { run_to_end(config, true); }),
              HasSubstr("has made 40 steps, more than the 20 wanted"));
}

TEST(Run, ADamagedCheckpointIsNamedWithTheOneBefore) {
  const TemporaryFolder folder;
  const Config config = small_config(folder.path());
  run_to_end(config);
  std::string file = read_file(folder / "checkpoints/step-30.safetensors");
  file[file.size() / 2] = static_cast<char>(file[file.size() / 2] ^ 1);
  write_file_atomically(folder / "checkpoints/step-30.safetensors", file);
  EXPECT_THAT(error_of([&] { run_to_end(config, true); }),
              AllOf(HasSubstr("step-30.safetensors is damaged"),
                    HasSubstr("remove it to go on from step 28")));
  EXPECT_TRUE(fs::exists(folder / "checkpoints/step-28.safetensors"));
}

TEST(Run, AnotherModelsCheckpointIsRefused) {
  const TemporaryFolder ours, theirs;
  Config config = small_config(ours.path());
  run_to_end(config);
  Config other = small_config(theirs.path(), "asam");
  run_to_end(other);
  fs::copy_file(theirs / "checkpoints/step-30.safetensors",
                ours / "checkpoints/step-99.safetensors");
  EXPECT_THAT(error_of([&] { run_to_end(config, true); }),
              HasSubstr("is of another training: found asam with sgd on spirals"));
}

TEST(Run, AFullDiskLosesNothing) {
  const TemporaryFolder whole, full;
  Config config = small_config(whole.path());
  run_to_end(config);
  config.out = full.path().string();
  StopAfter watcher(9);
  EXPECT_EQ(run_training(config, true, watcher, watcher.asked()), RunOutcome::interrupted);
  const std::string before = read_file(full / "checkpoints/step-9.safetensors");
  const auto go_on = [&] { run_to_end(config, true); };
  EXPECT_THAT(sentence_on_full_disk(before.size() / 2, go_on), HasSubstr("File too large"));
  EXPECT_THAT(sentence_on_full_disk(fs::file_size(full / "metrics.jsonl") + 50, go_on),
              HasSubstr("File too large"));
  EXPECT_EQ(read_file(full / "checkpoints/step-9.safetensors"), before);
  run_to_end(config, true);
  expect_same_run(whole.path(), full.path(), 30);
}

TEST(Run, AResultGoesWithItsConfiguration) {
  const TemporaryFolder folder;
  Config config = small_config(folder.path());
  config.schedule = "constant";
  run_to_end(config);
  config.steps = 40;
  StopAfter watcher(3);
  EXPECT_EQ(run_training(config, true, watcher, watcher.asked()), RunOutcome::interrupted);
  EXPECT_FALSE(fs::exists(folder / "result.json"));
}

TEST(Run, StaleTemporaryFilesGoAway) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "checkpoints");
  write_file_atomically(folder / "checkpoints/step-3.safetensors.tmp", "half");
  run_to_end(small_config(folder.path()));
  EXPECT_FALSE(fs::exists(folder / "checkpoints/step-3.safetensors.tmp"));
}

}  // namespace
}  // namespace polder::app
