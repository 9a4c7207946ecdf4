#include "polder/data/split.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "data/files.h"
#include "polder/core/random.h"

namespace polder::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(LargestRemainder, HandWorkedCases) {
  EXPECT_THAT(largest_remainder(10, std::vector{0.5, 0.25, 0.25}), ElementsAre(5, 3, 2));
  EXPECT_THAT(largest_remainder(7, std::vector{0.9, 0.1}), ElementsAre(6, 1));
  EXPECT_THAT(largest_remainder(4, std::vector{0.9, 0.1}), ElementsAre(4, 0));
  EXPECT_THAT(largest_remainder(100, std::vector{0.29, 0.71}), ElementsAre(29, 71));
  EXPECT_THAT(largest_remainder(0, std::vector{0.5, 0.5}), ElementsAre(0, 0));
  EXPECT_THAT(largest_remainder(2, std::vector{1.0 / 3, 1.0 / 3, 1.0 / 3}), ElementsAre(1, 1, 0));
}

TEST(StratifiedSplit, PartsAreDisjointCoverAllAndKeepTheMix) {
  std::vector<std::int64_t> labels;
  for (std::uint64_t i = 0; i < 1013; ++i) {
    const auto draw = static_cast<std::int64_t>(below(random_key(4, "split_test"), i, 10));
    labels.push_back(draw < 6 ? 0 : draw < 9 ? 1 : 5);  // uneven, and classes without samples
  }
  const std::vector<double> fractions{0.7, 0.2, 0.1};
  const auto parts = stratified_split(labels, fractions, 9);
  ASSERT_EQ(parts.size(), 3U);

  std::vector<int> seen(labels.size(), 0);
  std::map<std::int64_t, std::vector<double>> counts;
  for (const std::int64_t label : labels) counts[label].resize(4);
  for (std::size_t p = 0; p < 3; ++p) {
    EXPECT_TRUE(std::ranges::is_sorted(parts[p]));
    for (const std::int64_t i : parts[p]) {
      ++seen.at(static_cast<std::size_t>(i));
      ++counts[labels[static_cast<std::size_t>(i)]][p];
      ++counts[labels[static_cast<std::size_t>(i)]][3];
    }
  }
  for (const int times : seen) EXPECT_EQ(times, 1);
  for (const auto& [label, count] : counts)
    for (std::size_t p = 0; p < 3; ++p)
      EXPECT_LT(std::abs(count[p] - fractions[p] * count[3]), 1.0) << "class " << label;
}

TEST(StratifiedSplit, SeedDecidesWhichSamples) {
  const std::vector<std::int64_t> labels(200, 0);
  const std::vector<double> halves{0.5, 0.5};
  EXPECT_EQ(stratified_split(labels, halves, 1), stratified_split(labels, halves, 1));
  EXPECT_NE(stratified_split(labels, halves, 1), stratified_split(labels, halves, 2));
  std::vector<std::int64_t> first_hundred(100);
  for (std::int64_t i = 0; i < 100; ++i) first_hundred[static_cast<std::size_t>(i)] = i;
  EXPECT_NE(stratified_split(labels, halves, 1)[0], first_hundred);
}

TEST(StratifiedSplit, NamesBadFractions) {
  const std::vector<std::int64_t> labels(10, 0);
  EXPECT_THAT(error_of([&] {
                stratified_split(labels, std::vector{0.5, 0.4}, 0);
              }),
              HasSubstr("sum to 0.9, 1 wanted"));
  EXPECT_THAT(error_of([&] {
                stratified_split(labels, std::vector{1.5, -0.5}, 0);
              }),
              HasSubstr("fraction -0.5"));
}

}  // namespace
}  // namespace polder::data
