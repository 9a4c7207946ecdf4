#include "polder/app/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "app/full_disk.h"
#include "app/temporary_folder.h"
#include "test_support.h"

namespace polder::app {
namespace {

using ::testing::HasSubstr;

const CheckpointIdentity kIdentity{"lenet of 61706 weights", "sam with sgd"};

/// Something with state of every kind.
struct Thing {
  Tensor weights = Tensor::from<float>({1.5F, -0.0F, 3e-40F, 4.0F}, {2, 2});
  Tensor labels = Tensor::from<std::int64_t>({7, -9}, {2});
  Tensor later;  // made by the first step
  double rate = 0.1;
  std::int64_t steps = 12345678901234;
  std::vector<double> history = {1.0, std::nan(""), -3.0};

  void visit_state(StateVisitor& visitor) {
    visitor.visit("weights", weights);
    visitor.visit("labels", labels);
    visitor.visit("later", later);
    visitor.visit("rate", rate);
    visitor.visit("steps", steps);
    visitor.visit("history", history);
  }
  StateLister lister() {
    return [this](StateVisitor& visitor) { visit_state(visitor); };
  }
};

Thing blank() {
  Thing thing;
  thing.weights = Tensor::zeros({2, 2});
  thing.labels = Tensor::zeros({2}, DType::int64);
  thing.rate = 0.0;
  thing.steps = 0;
  thing.history = {};
  return thing;
}

/// Without waiting for the disk: the damage test writes thousands of files.
void write_loosely(const fs::path& path, const std::string& contents) {
  std::ofstream(path, std::ios::binary) << contents;
}

void expect_blank(const Thing& thing) {
  EXPECT_EQ(thing.weights.to_vector<float>(), std::vector<float>(4, 0.0F));
  EXPECT_EQ(thing.labels.to_vector<std::int64_t>(), std::vector<std::int64_t>(2, 0));
  EXPECT_EQ(thing.rate, 0.0);
  EXPECT_EQ(thing.steps, 0);
  EXPECT_TRUE(thing.history.empty());
}

TEST(Checkpoint, RoundTripKeepsEveryBit) {
  const TemporaryFolder folder;
  for (const bool made : {false, true}) {
    Thing saved, loaded = blank();
    if (made) saved.later = Tensor::from<double>({0.25}, {1});
    save_checkpoint(folder / "a", kIdentity, saved.lister());
    load_checkpoint(folder / "a", kIdentity, loaded.lister());
    EXPECT_EQ(loaded.weights.to_vector<float>(), saved.weights.to_vector<float>());
    EXPECT_TRUE(std::signbit(loaded.weights.to_vector<float>()[1]));
    EXPECT_EQ(loaded.labels.to_vector<std::int64_t>(), saved.labels.to_vector<std::int64_t>());
    EXPECT_EQ(loaded.later.defined(), made);
    EXPECT_EQ(made ? loaded.later.item() : 0.25, 0.25);
    EXPECT_EQ(loaded.rate, 0.1);
    EXPECT_EQ(loaded.steps, saved.steps);
    ASSERT_EQ(loaded.history.size(), 3U);
    EXPECT_TRUE(std::isnan(loaded.history[1]));
  }
}

TEST(Checkpoint, LoadsIntoTheSameMemory) {
  const TemporaryFolder folder;
  Thing saved, loaded = blank();
  const Tensor view = loaded.weights;
  save_checkpoint(folder / "a", kIdentity, saved.lister());
  load_checkpoint(folder / "a", kIdentity, loaded.lister());
  EXPECT_EQ(view.to_vector<float>(), saved.weights.to_vector<float>());
}

TEST(Checkpoint, ForeignOnesAreNamed) {
  const TemporaryFolder folder;
  Thing saved, loaded = blank();
  save_checkpoint(folder / "a", kIdentity, saved.lister());
  const std::string file = (folder / "a").string();
  EXPECT_EQ(error_of([&] {
              load_checkpoint(folder / "a", {"mlp of 3 weights", "sam with sgd"}, loaded.lister());
            }),
            "checkpoint: " + file +
                " is of another model: found lenet of 61706 weights, wanted mlp of 3 weights");
  EXPECT_THAT(error_of([&] {
                load_checkpoint(folder / "a", {kIdentity.model, "none"}, loaded.lister());
              }),
              HasSubstr("of another training: found sam with sgd, wanted none"));
  expect_blank(loaded);
}

TEST(Checkpoint, OtherNamesShapesAndTypesAreNamed) {
  const TemporaryFolder folder;
  Thing saved;
  save_checkpoint(folder / "a", kIdentity, saved.lister());
  const auto loading = [&](const StateLister& list) {
    return error_of([&] { load_checkpoint(folder / "a", kIdentity, list); });
  };
  Thing thing = blank();
  EXPECT_THAT(loading([&](StateVisitor& visitor) {
                thing.visit_state(visitor);
                visitor.visit("momentum", thing.rate);
              }),
              HasSubstr("lacks momentum"));
  EXPECT_THAT(loading([&](StateVisitor& visitor) { visitor.visit("rate", thing.rate); }),
              HasSubstr("holds labels, which this run does not have"));
  thing.weights = Tensor::zeros({4});
  EXPECT_THAT(loading(thing.lister()), HasSubstr("weights is float32 [2, 2], wanted float32 [4]"));
  thing.weights = Tensor::zeros({2, 2}, DType::float64);
  EXPECT_THAT(loading(thing.lister()),
              HasSubstr("weights is float32 [2, 2], wanted float64 [2, 2]"));
}

TEST(Checkpoint, NothingIsOverwrittenByAFileThatDoesNotFit) {
  const TemporaryFolder folder;
  Thing saved, loaded = blank();
  save_checkpoint(folder / "a", kIdentity, saved.lister());
  const StateLister more = [&](StateVisitor& visitor) {
    loaded.visit_state(visitor);
    double missing = 0.0;
    visitor.visit("z", missing);
  };
  EXPECT_NE(error_of([&] { load_checkpoint(folder / "a", kIdentity, more); }), "");
  expect_blank(loaded);
}

TEST(Checkpoint, DamageIsFoundBeforeAnythingIsOverwritten) {
  const TemporaryFolder folder;
  Thing saved;
  save_checkpoint(folder / "a", kIdentity, saved.lister());
  const std::string file = read_file(folder / "a");
  std::size_t harmless = 0;
  for (std::size_t i = 0; i < file.size(); ++i) {
    std::string damaged = file;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
    write_loosely(folder / "b", damaged);
    Thing loaded = blank();
    const std::string said =
        error_of([&] { load_checkpoint(folder / "b", kIdentity, loaded.lister()); });
    if (!said.empty()) {
      EXPECT_THAT(said, HasSubstr("/b")) << i;
      expect_blank(loaded);
    } else {  // white space in the header: the contents are the same
      ++harmless;
      EXPECT_EQ(loaded.weights.to_vector<float>(), saved.weights.to_vector<float>()) << i;
      EXPECT_EQ(loaded.steps, saved.steps) << i;
    }
  }
  EXPECT_LT(harmless, 8U);
  for (std::size_t size = 0; size < file.size(); ++size) {
    write_loosely(folder / "b", file.substr(0, size));
    Thing loaded = blank();
    EXPECT_NE(error_of([&] { load_checkpoint(folder / "b", kIdentity, loaded.lister()); }), "")
        << size;
    expect_blank(loaded);
  }
}

TEST(Checkpoint, OtherFilesAreRefused) {
  const TemporaryFolder folder;
  Thing thing = blank();
  EXPECT_THAT(error_of([&] { load_checkpoint(folder / "none", kIdentity, thing.lister()); }),
              HasSubstr("No such file"));
  write_file_atomically(folder / "text", "hello, this is no checkpoint at all");
  EXPECT_NE(error_of([&] { load_checkpoint(folder / "text", kIdentity, thing.lister()); }), "");
  const std::string foreign("\x10\0\0\0\0\0\0\0{}              ", 24);
  write_file_atomically(folder / "foreign", foreign);
  EXPECT_THAT(error_of([&] { load_checkpoint(folder / "foreign", kIdentity, thing.lister()); }),
              HasSubstr("not a checkpoint of polder"));
}

TEST(Checkpoint, FullDiskKeepsTheOldOne) {
  const TemporaryFolder folder;
  Thing old;
  save_checkpoint(folder / "a", kIdentity, old.lister());
  const std::string before = read_file(folder / "a");
  const std::string said = sentence_on_full_disk(4096, [&] {
    Thing larger;
    larger.history.assign(10000, 1.0);
    save_checkpoint(folder / "a", kIdentity, larger.lister());
  });
  EXPECT_THAT(said, HasSubstr((folder / "a").string() + ": File too large"));
  EXPECT_EQ(read_file(folder / "a"), before);
  EXPECT_FALSE(fs::exists(folder / "a.tmp"));
}

}  // namespace
}  // namespace polder::app
