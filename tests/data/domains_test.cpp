#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "data/batches.h"
#include "polder/data/loader.h"
#include "polder/data/rotation.h"
#include "test_support.h"

/// Batches that hold the same number of samples of every domain.
namespace polder::data {
namespace {

const ImageSet& images() {
  static const ImageSet set = random_images(53, {6, 5, 2});
  return set;
}

/// 40 images of three domains: 20 of domain 0, 12 of domain 2, 8 of domain 3, none of domain 1.
RotatedSet of_domains() {
  std::vector<std::int64_t> domains(static_cast<std::size_t>(images().size()), 1);
  for (std::size_t i = 0; i < 40; ++i) domains[i] = i % 2 == 0 ? 0 : i % 5 == 0 || i < 16 ? 3 : 2;
  return {images(), {0.0, 10.0, 20.0, 30.0}, domains};
}

std::vector<std::int64_t> first_forty() {
  std::vector<std::int64_t> indices(40);
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

TEST(BalancedLoader, BatchesHoldTheSameNumberOfEveryDomain) {
  const RotatedSet set = of_domains();
  std::map<std::int64_t, int> sizes;
  for (const std::int64_t i : first_forty()) ++sizes[set.domain(i)];
  const int shortest = std::min({sizes[0], sizes[2], sizes[3]});
  for (const bool drop_last : {false, true}) {
    Loader loader(set, first_forty(),
                  {.batch_size = 9, .drop_last = drop_last, .balanced = true, .seed = 4});
    EXPECT_EQ(loader.size(), 3 * shortest);
    EXPECT_EQ(loader.batches_per_epoch(), drop_last ? shortest / 3 : (shortest + 2) / 3);
    for (int epoch = 0; epoch < 3; ++epoch) {
      std::set<std::int64_t> seen;
      for (std::int64_t b = 0; b < loader.batches_per_epoch(); ++b) {
        const Batch batch = loader.next();
        std::map<std::int64_t, int> held;
        const auto indices = batch.indices.to_vector<std::int64_t>();
        const auto domains = batch.domains.to_vector<std::int64_t>();
        for (std::size_t row = 0; row < indices.size(); ++row) {
          EXPECT_EQ(domains[row], set.domain(indices[row]));
          ++held[domains[row]];
          EXPECT_TRUE(seen.insert(indices[row]).second);
        }
        EXPECT_TRUE(std::ranges::is_sorted(domains));  // domain by domain
        const int share = static_cast<int>(batch.size()) / 3;
        EXPECT_EQ(held, (std::map<std::int64_t, int>{{0, share}, {2, share}, {3, share}}));
        const bool last = b + 1 == loader.batches_per_epoch();
        EXPECT_TRUE(share == 3 || (last && !drop_last));
      }
    }
  }
}

TEST(BalancedLoader, EpochsTakeAllOfTheSmallestDomainAndOtherPartsOfTheRest) {
  const RotatedSet set = of_domains();
  Loader loader(set, first_forty(), {.batch_size = 3, .balanced = true, .seed = 4});
  std::vector<std::map<std::int64_t, std::set<std::int64_t>>> epochs;
  for (int epoch = 0; epoch < 4; ++epoch) {
    auto& seen = epochs.emplace_back();
    for (const Contents& batch : walk(loader, static_cast<int>(loader.batches_per_epoch())))
      for (const std::int64_t index : batch.indices) seen[set.domain(index)].insert(index);
  }
  EXPECT_EQ(epochs[0][3], epochs[1][3]);
  EXPECT_NE(epochs[0][0], epochs[1][0]);
}

TEST(BalancedLoader, WalksContinueFromASavedPosition) {
  const RotatedSet set = of_domains();
  for (const int prefetch : {0, 3})
    for (const int before : {0, 1, 2, 5, 7}) {
      const LoaderOptions options{
          .batch_size = 9, .balanced = true, .seed = 8, .prefetch = prefetch};
      Loader loader(set, first_forty(), options), resumed(set, first_forty(), options);
      walk(loader, before);
      MapVisitor saved, loaded(true);
      loader.visit_state(saved);
      loaded.values = saved.values;
      resumed.visit_state(loaded);
      EXPECT_EQ(walk(resumed, 6), walk(loader, 6)) << before;
    }
}

TEST(BalancedLoader, BatchesThatDoNotShareOutAreRefused) {
  const RotatedSet set = of_domains();
  EXPECT_EQ(error_of([&] { Loader(set, first_forty(), {.batch_size = 8, .balanced = true}); }),
            "Loader: batch size 8 does not share out equally over the 3 domains of random");
  EXPECT_FALSE(Loader(images(), first_forty(), {.batch_size = 2}).next().domains.defined());
}

}  // namespace
}  // namespace polder::data
