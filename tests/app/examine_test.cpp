#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/same_state.h"
#include "app/temporary_folder.h"
#include "polder/app/trainer.h"

namespace polder::app {
namespace {

/// A rule that draws from all three sources of batches.
Config small_config() {
  Config config;
  config.data = "spirals";
  config.model = "mlp";
  config.rule = "lets_sam:lr_nu=0.01,gap_batch=fresh";
  config.batch = 50;
  config.steps = 20;
  config.lr = 0.05;
  config.test_size = 100;
  config.train_size = 300;
  config.threads = 1;
  return resolved(config);
}

void save(Trainer& trainer, const fs::path& path) {
  save_checkpoint(path, trainer.identity(),
                  [&](StateVisitor& visitor) { trainer.visit_state(visitor); });
}

TEST(TrainerExamine, MovesNothing) {
  const TemporaryFolder folder;
  Trainer examined(small_config()), alone(small_config());
  for (int round = 0; round < 2; ++round) {
    for (int step = 0; step < 5; ++step) {
      examined.step();
      alone.step();
    }
    EXPECT_EQ(examined.examine(7).steps, 7);
    save(examined, folder / "examined.safetensors");
    save(alone, folder / "alone.safetensors");
    expect_same_checkpoint(folder / "examined.safetensors", folder / "alone.safetensors");
  }
}

TEST(TrainerExamine, GoesNoFurtherThanTheRun) {
  Trainer trainer(small_config());
  for (int step = 0; step < 17; ++step) trainer.step();
  EXPECT_EQ(trainer.examine(50).steps, 3);
  while (!trainer.finished()) trainer.step();
  EXPECT_THROW(trainer.examine(1), Error);
}

}  // namespace
}  // namespace polder::app
