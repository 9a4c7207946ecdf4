#include "polder/data/loader.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <numeric>

#include "data/batches.h"
#include "data/files.h"
#include "polder/core/allocator.h"
#include "polder/data/shuffle.h"

namespace polder::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const ImageSet& images() {
  static const ImageSet set = random_images(53, {6, 5, 2});
  return set;
}

LoaderOptions augmented(int prefetch) {
  return {.batch_size = 8,
          .normalization = {{0.5F, 0.25F}, {0.5F, 2.0F}},
          .augmentation = {.crop_padding = 2, .flip = true, .cutout = 3},
          .seed = 12,
          .prefetch = prefetch};
}

/// The samples a walk may use: every second one.
std::vector<std::int64_t> even_indices() {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < images().size(); i += 2) indices.push_back(i);
  return indices;
}

TEST(Shuffled, IsAPermutationThatItsKeyDecides) {
  std::vector<std::int64_t> items(100);
  std::iota(items.begin(), items.end(), 0);
  const auto first = shuffled(items, random_key(1, "a"));
  EXPECT_TRUE(std::ranges::is_permutation(first, items));
  EXPECT_NE(first, items);
  EXPECT_EQ(first, shuffled(items, random_key(1, "a")));
  EXPECT_NE(first, shuffled(items, random_key(1, "a", 1)));
}

TEST(Shuffled, EveryOrderIsEquallyLikely) {
  std::map<std::vector<std::int64_t>, int> counts;
  const int n = 24000;
  for (int i = 0; i < n; ++i)
    ++counts[shuffled({0, 1, 2, 3}, random_key(2, "order", static_cast<std::uint32_t>(i)))];
  EXPECT_EQ(counts.size(), 24U);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, 1000, 5 * std::sqrt(1000.0));
}

TEST(Loader, EveryEpochVisitsEverySampleOnceInAnotherOrder) {
  const auto wanted = even_indices();  // 27 samples: 3 batches of 8 and one of 3
  Loader loader(images(), wanted, {.batch_size = 8, .seed = 4});
  ASSERT_EQ(loader.batches_per_epoch(), 4);
  std::vector<std::vector<std::int64_t>> orders;
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::vector<std::int64_t> seen;
    for (const Contents& batch : walk(loader, 4))
      seen.insert(seen.end(), batch.indices.begin(), batch.indices.end());
    EXPECT_TRUE(std::ranges::is_permutation(seen, wanted)) << "epoch " << epoch;
    EXPECT_THAT(orders, ::testing::Not(::testing::Contains(seen)));
    orders.push_back(seen);
  }
}

TEST(Loader, RowsAreTheirSamples) {
  Loader loader(images(), even_indices(), augmented(4));
  const LoaderOptions& options = loader.options();
  for (int i = 0; i < 9; ++i) {
    const LoaderPosition here = loader.position();
    const Batch batch = loader.next();
    ASSERT_EQ(batch.inputs.shape(), (Shape{here.offset == 24 ? 3 : 8, 6, 5, 2}));
    const Contents found = contents(batch);
    std::vector<float> scratch(60), row(60);
    for (std::size_t r = 0; r < found.indices.size(); ++r) {
      EXPECT_EQ(found.targets[r], images().label(found.indices[r]));
      prepare_sample(images(), found.indices[r],
                     {options.normalization, options.augmentation, options.seed}, here.epoch,
                     scratch, row);
      EXPECT_TRUE(std::equal(row.begin(), row.end(), found.inputs.begin() + 60 * r));
    }
  }
}

TEST(Loader, WithoutShuffleGoesInOrderAndMayDropTheRest) {
  Loader loader(images(), {7, 3, 5, 1, 9},
                {.batch_size = 2, .shuffle = false, .drop_last = true, .prefetch = 2});
  EXPECT_EQ(loader.batches_per_epoch(), 2);
  for (int epoch = 0; epoch < 2; ++epoch) {
    EXPECT_THAT(contents(loader.next()).indices, ElementsAre(7, 3));
    EXPECT_THAT(contents(loader.next()).indices, ElementsAre(5, 1));
  }
  EXPECT_EQ(loader.position(), (LoaderPosition{2, 0}));
}

TEST(Loader, PrefetchingChangesNoBit) {
  Loader direct(images(), even_indices(), augmented(0));
  const auto wanted = walk(direct, 23);
  for (const int prefetch : {1, 2, 4, 50}) {
    Loader loader(images(), even_indices(), augmented(prefetch));
    EXPECT_EQ(walk(loader, 23), wanted) << "prefetch " << prefetch;
  }
}

TEST(Loader, SeedDecidesOrderAndAugmentation) {
  Loader first(images(), even_indices(), augmented(0));
  LoaderOptions other = augmented(0);
  other.seed = 13;
  Loader second(images(), even_indices(), other);
  EXPECT_NE(contents(first.next()).indices, contents(second.next()).indices);
}

TEST(Loader, ContinuesFromASavedPosition) {
  for (const int prefetch : {0, 4})
    for (const int before : {0, 1, 3, 4, 6, 11}) {
      SCOPED_TRACE(fmt::format("prefetch {}, {} batches before", prefetch, before));
      Loader loader(images(), even_indices(), augmented(prefetch));
      walk(loader, before);
      MapVisitor saved;
      loader.visit_state(saved, "train/");
      EXPECT_EQ(saved.values, (std::map<std::string, std::int64_t>{
                                  {"train/epoch", before / 4}, {"train/offset", before % 4 * 8}}));
      const auto wanted = walk(loader, 7);  // saving disturbed nothing

      Loader resumed(images(), even_indices(), augmented(prefetch));
      walk(resumed, 2);
      MapVisitor loaded(true);
      loaded.values = saved.values;
      resumed.visit_state(loaded, "train/");
      EXPECT_EQ(walk(resumed, 7), wanted);
    }
}

TEST(Loader, SavingChangesNothing) {
  Loader plain(images(), even_indices(), augmented(4)),
      saved(images(), even_indices(), augmented(4));
  for (int i = 0; i < 9; ++i) {
    MapVisitor visitor;
    saved.visit_state(visitor);
    EXPECT_EQ(contents(saved.next()), contents(plain.next()));
  }
}

TEST(Loader, RefusesPositionsWhereNoBatchStarts) {
  Loader loader(images(), even_indices(), augmented(4));
  for (const LoaderPosition wrong :
       {LoaderPosition{-1, 0}, {0, 4}, {0, 32}, {0, -8}, {std::int64_t{1} << 33, 0}})
    EXPECT_THAT(error_of([&] { loader.seek(wrong); }), HasSubstr("no batch starts at"));
}

TEST(Loader, KeptBatchesAreNotOverwritten) {
  Loader loader(images(), even_indices(), augmented(2));
  std::vector<Batch> kept;
  std::vector<Contents> when_fresh;
  for (int i = 0; i < 12; ++i) {
    kept.push_back(loader.next());
    when_fresh.push_back(contents(kept.back()));
  }
  for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(contents(kept[i]), when_fresh[i]);
}

TEST(Loader, AsksTheSystemForNoMemoryInSteadyState) {
  for (const int prefetch : {0, 4}) {
    Loader loader(images(), even_indices(), augmented(prefetch));
    Batch batch = loader.next();
    batch = loader.next();
    const auto calls = allocator_of(kCpu).stats().system_calls;
    for (int i = 0; i < 40; ++i) batch = loader.next();
    EXPECT_EQ(allocator_of(kCpu).stats().system_calls, calls) << "prefetch " << prefetch;
  }
}

/// Reading sample 10 fails while `broken`.
class FragileSet final : public Dataset {
 public:
  mutable std::atomic<bool> broken = true;

  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return 20; }
  Shape sample_shape() const override { return {1}; }
  std::int64_t classes() const override { return 1; }
  std::int64_t label(std::int64_t) const override { return 0; }
  void read(std::int64_t i, std::span<float> out) const override {
    require(i != 10 || !broken, "fragile: sample 10 cannot be read");
    out[0] = static_cast<float>(i);
  }

 private:
  std::string name_ = "fragile";
};

TEST(Loader, AnExceptionInTheThreadReachesTheCallerAtItsBatch) {
  for (const int prefetch : {0, 1, 4}) {
    SCOPED_TRACE(fmt::format("prefetch {}", prefetch));
    const FragileSet set;
    Loader loader(set, all_indices(set), {.batch_size = 4, .shuffle = false, .prefetch = prefetch});
    walk(loader, 2);
    for (int attempt = 0; attempt < 2; ++attempt) {
      EXPECT_EQ(error_of([&] { loader.next(); }), "fragile: sample 10 cannot be read");
      EXPECT_EQ(loader.position(), (LoaderPosition{0, 8}));
    }
    set.broken = false;
    EXPECT_THAT(contents(loader.next()).inputs, ElementsAre(8, 9, 10, 11));
  }
}

TEST(Loader, MovesWithItsThread) {
  Loader loader(images(), even_indices(), augmented(4));
  Loader reference(images(), even_indices(), augmented(0));
  loader.next();
  reference.next();
  Loader moved = std::move(loader);
  EXPECT_EQ(walk(moved, 6), walk(reference, 6));
}

TEST(Loader, NamesWhatIsWrong) {
  const auto complaint = [](std::vector<std::int64_t> indices, LoaderOptions options) {
    return error_of([&] { Loader(images(), std::move(indices), std::move(options)); });
  };
  EXPECT_EQ(complaint({0, 1, 2}, {.batch_size = 4}),
            "Loader: batch size 4 for 3 samples of random, 1 to 3 wanted");
  EXPECT_EQ(complaint({0, 1, 2}, {.batch_size = 0}),
            "Loader: batch size 0 for 3 samples of random, 1 to 3 wanted");
  EXPECT_EQ(complaint({}, {}), "Loader: no samples of random to walk over");
  EXPECT_EQ(complaint({0, 53}, {.batch_size = 1}), "Loader: sample 53 of random, 0 to 52 wanted");
  EXPECT_EQ(complaint({0, -1}, {.batch_size = 1}), "Loader: sample -1 of random, 0 to 52 wanted");
  EXPECT_THAT(complaint({0}, {.batch_size = 1, .normalization = {{1.0F}, {1.0F}}}),
              HasSubstr("1 means and 1 deviations for 2 channels"));
}

TEST(ForEachBatch, VisitsEverySampleInOrderWithoutAugmentation) {
  const auto indices = even_indices();
  const Normalization normalization{{0.5F, 0.25F}, {0.5F, 2.0F}};
  std::vector<std::int64_t> seen, sizes;
  for_each_batch(images(), indices, 10, normalization, [&](const Batch& batch) {
    sizes.push_back(batch.size());
    const Contents found = contents(batch);
    for (std::size_t r = 0; r < found.indices.size(); ++r) {
      const auto pixels = images().pixels(found.indices[r]);
      for (std::size_t j = 0; j < 60; ++j) {
        const double value = pixels[j] / 255.0;
        EXPECT_NEAR(found.inputs[60 * r + j],
                    j % 2 == 0 ? (value - 0.5) / 0.5 : (value - 0.25) / 2.0, 1e-6);
      }
      EXPECT_EQ(found.targets[r], images().label(found.indices[r]));
      seen.push_back(found.indices[r]);
    }
  });
  EXPECT_EQ(seen, indices);
  EXPECT_THAT(sizes, ElementsAre(10, 10, 7));
  EXPECT_THAT(error_of([&] { for_each_batch(images(), indices, 0, {}, {}); }),
              HasSubstr("batch size 0"));
}

TEST(RelabelledSet, ChangesLabelsOnly) {
  std::vector<std::int64_t> labels(53, 2);
  const RelabelledSet noisy(images(), labels);
  Loader loader(noisy, even_indices(), {.batch_size = 8, .seed = 4});
  Loader clean(noisy.clean(), even_indices(), {.batch_size = 8, .seed = 4});
  const Contents relabelled = contents(loader.next()), original = contents(clean.next());
  EXPECT_EQ(relabelled.inputs, original.inputs);
  EXPECT_EQ(relabelled.targets, std::vector<std::int64_t>(8, 2));
  EXPECT_NE(original.targets, relabelled.targets);
  EXPECT_THAT(error_of([&] {
                RelabelledSet(images(), {1, 2});
              }),
              HasSubstr("2 new labels for 53 samples"));
}

}  // namespace
}  // namespace polder::data
