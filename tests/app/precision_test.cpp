#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/same_state.h"
#include "app/temporary_folder.h"
#include "polder/app/run.h"
#include "polder/app/trainer.h"
#include "polder/kernels/backend.h"
#include "test_support.h"

namespace polder::app {
namespace {

Config spirals(const std::string& precision, const std::string& rule) {
  Config config;
  config.data = "spirals";
  config.model = "mlp";
  config.precision = precision;
  config.rule = rule;
  config.batch = 50;
  config.steps = 30;
  config.lr = 0.05;
  config.checkpoint_every = 7;
  config.eval_every = 10;
  config.record_every = 3;
  config.receipts_every = 12;
  config.train_size = 300;
  config.test_size = 100;
  config.threads = 1;
  return config;
}

void run(Config config, const fs::path& folder, std::int64_t stop_after = 1000) {
  config.out = folder.string();
  class Counter final : public RunWatcher {
   public:
    void stepped(const StepRecord&) override { ++steps; }
    std::int64_t steps = 0;
  } counter;
  run_training(resolved(config), true, counter, [&] { return counter.steps >= stop_after; });
}

TEST(Precision, Bfloat16StoppedAndResumedEndsWithTheSameBits) {
  for (const char* rule : {"sam", "asam", "lets_sam:lr_nu=0.01"})
    for (const char* optimizer : {"sgd", "adamw"}) {
      SCOPED_TRACE(std::string(rule) + " " + optimizer);
      const TemporaryFolder whole, parts;
      Config config = spirals("bfloat16", rule);
      config.optimizer = optimizer;
      if (config.optimizer == "adamw") config.lr = 0.002;
      run(config, whole.path());
      for (const std::int64_t steps : {1, 9, 4}) run(config, parts.path(), steps);
      run(config, parts.path());
      expect_same_run(whole.path(), parts.path(), 30);
    }
}

double accuracy(const std::string& precision, std::int64_t seed) {
  Config config = spirals(precision, "sam");
  config.train_size = config.test_size = 0;
  config.steps = 500;
  config.seed = seed;
  Trainer trainer(resolved(config));
  while (!trainer.finished()) trainer.step();
  return trainer.evaluate().test.accuracy;
}

// Both learn; the mean over three seeds differs by less than two samples in a hundred.
TEST(Precision, Bfloat16LearnsAsWellAsFloat32) {
  double whole = 0, rounded = 0;
  for (const std::int64_t seed : {1, 2, 3}) {
    whole += accuracy("float32", seed) / 3;
    rounded += accuracy("bfloat16", seed) / 3;
  }
  EXPECT_GT(whole, 0.9);
  EXPECT_NEAR(rounded, whole, 0.02);
}

TEST(Precision, IsOneOfThree) {
  Config config;
  EXPECT_EQ(error_of([&] { set_field(config, find_field("precision"), "float16"); }),
            "precision: unknown \"float16\", did you mean bfloat16? There are: float32, tf32, "
            "bfloat16");
}

TEST(Precision, Tf32IsAllowedWhereItIsAskedFor) {
  const Trainer rough(resolved(spirals("tf32", "sam")));
  EXPECT_TRUE(kernels::tf32_allowed());
  const Trainer exact(resolved(spirals("float32", "sam")));
  EXPECT_FALSE(kernels::tf32_allowed());
}

TEST(Precision, ARunGoesOnInThePrecisionItBeganWith) {
  const TemporaryFolder folder;
  Config config = spirals("bfloat16", "sam");
  config.steps = 5;
  run(config, folder.path());
  config.precision = "float32";
  EXPECT_THAT(error_of([&] { run(config, folder.path()); }),
              ::testing::HasSubstr("has another configuration: precision differ"));
}

}  // namespace
}  // namespace polder::app
