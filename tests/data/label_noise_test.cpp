#include "polder/data/label_noise.h"

#include <gmock/gmock.h>

#include <cmath>

#include "data/files.h"

namespace polder::data {
namespace {

using ::testing::HasSubstr;

std::vector<std::int64_t> cycle(std::int64_t n, std::int64_t classes) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < n; ++i) labels.push_back(i % classes);
  return labels;
}

/// Positions where the labels differ, found again from the labels.
std::vector<std::int64_t> differences(const NoisyLabels& noisy) {
  std::vector<std::int64_t> found;
  for (std::size_t i = 0; i < noisy.clean.size(); ++i)
    if (noisy.labels[i] != noisy.clean[i]) found.push_back(static_cast<std::int64_t>(i));
  return found;
}

TEST(SymmetricNoise, FlipsExactlyTheRate) {
  for (const std::int64_t n : {1, 7, 250, 1001})
    for (const double rate : {0.0, 0.2, 0.4, 0.5, 1.0}) {
      SCOPED_TRACE(fmt::format("n {}, rate {}", n, rate));
      const auto clean = cycle(n, 5);
      const NoisyLabels noisy = symmetric_noise(clean, 5, rate, 3);
      EXPECT_EQ(noisy.clean, clean);
      EXPECT_EQ(differences(noisy), noisy.flipped);
      EXPECT_EQ(static_cast<double>(noisy.flipped.size()),
                std::round(rate * static_cast<double>(n)));
      for (const std::int64_t label : noisy.labels) EXPECT_TRUE(label >= 0 && label < 5);
    }
}

TEST(SymmetricNoise, IsUniformOverTheOtherClassesAndThePositions) {
  const std::int64_t classes = 4, n = 40000;
  const NoisyLabels noisy = symmetric_noise(cycle(n, classes), classes, 0.4, 11);
  std::vector<std::vector<int>> moved(4, std::vector<int>(4, 0));
  std::vector<int> by_tenth(10, 0);
  for (const std::int64_t i : noisy.flipped) {
    const auto p = static_cast<std::size_t>(i);
    ++moved[static_cast<std::size_t>(noisy.clean[p])][static_cast<std::size_t>(noisy.labels[p])];
    ++by_tenth[static_cast<std::size_t>(10 * i / n)];
  }
  const double share = 0.4 * n / 12;
  for (std::size_t from = 0; from < 4; ++from)
    for (std::size_t to = 0; to < 4; ++to)
      EXPECT_NEAR(moved[from][to], from == to ? 0.0 : share, 5 * std::sqrt(share));
  for (const int count : by_tenth) EXPECT_NEAR(count, 0.04 * n, 5 * std::sqrt(0.04 * n));
}

TEST(SymmetricNoise, SeedDecidesAlone) {
  const auto clean = cycle(500, 10);
  const auto first = symmetric_noise(clean, 10, 0.2, 1);
  EXPECT_EQ(first.labels, symmetric_noise(clean, 10, 0.2, 1).labels);
  EXPECT_NE(first.flipped, symmetric_noise(clean, 10, 0.2, 2).flipped);
}

TEST(AsymmetricNoise, GoesToTheNextClass) {
  const NoisyLabels noisy = asymmetric_noise(cycle(1003, 3), 3, 0.3, 5);
  EXPECT_EQ(noisy.flipped.size(), 301U);
  EXPECT_EQ(differences(noisy), noisy.flipped);
  for (const std::int64_t i : noisy.flipped) {
    const auto p = static_cast<std::size_t>(i);
    EXPECT_EQ(noisy.labels[p], (noisy.clean[p] + 1) % 3);
  }
}

TEST(AsymmetricNoise, FollowsAMapAndSparesTheClassesThatMapToThemselves) {
  const std::vector<std::int64_t> map{0, 3, 2, 1};
  const NoisyLabels noisy = asymmetric_noise(cycle(400, 4), 4, 0.45, 5, map);
  EXPECT_EQ(noisy.flipped.size(), 90U);  // 0.45 of the 200 samples of classes 1 and 3
  EXPECT_EQ(differences(noisy), noisy.flipped);
  for (std::size_t i = 0; i < 400; ++i)
    if (noisy.labels[i] != noisy.clean[i]) {
      EXPECT_EQ(noisy.labels[i] + noisy.clean[i], 4);
      EXPECT_NE(noisy.labels[i], 2);
    }
}

TEST(LabelNoise, NamesWhatIsWrong) {
  const auto labels = cycle(10, 3);
  EXPECT_EQ(error_of([&] { symmetric_noise(labels, 3, 1.5, 0); }),
            "label noise: rate 1.5, 0 to 1 wanted");
  EXPECT_THAT(error_of([&] { symmetric_noise(labels, 3, std::nan(""), 0); }), HasSubstr("nan"));
  EXPECT_EQ(error_of([&] { symmetric_noise(labels, 2, 0.1, 0); }),
            "label noise: label 2, 0 to 1 wanted");
  EXPECT_EQ(error_of([&] { symmetric_noise(labels, 1, 0.1, 0); }),
            "label noise: 1 classes, at least 2 wanted");
  const std::vector<std::int64_t> short_map{1, 0}, wild_map{1, 2, 3};
  EXPECT_EQ(error_of([&] { asymmetric_noise(labels, 3, 0.1, 0, short_map); }),
            "label noise: a map of 2 classes for 3");
  EXPECT_EQ(error_of([&] { asymmetric_noise(labels, 3, 0.1, 0, wild_map); }),
            "label noise: a map to class 3, 0 to 2 wanted");
}

}  // namespace
}  // namespace polder::data
