#include "polder/core/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace polder {
namespace {

// Known answers published with the Random123 library.
TEST(Philox, KnownAnswers) {
  using Words = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U}));
  const std::uint32_t ones = 0xffffffffU;
  EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}),
            (Words{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU}));
  EXPECT_EQ(
      philox({0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U}, {0xa4093822U, 0x299f31d0U}),
      (Words{0xd16cfe09U, 0x94fdccebU, 0x5001e420U, 0x24126ea1U}));
}

TEST(Random, UniformHasTheMomentsOfTheUniformLaw) {
  const RandomKey key = random_key(7, "test");
  const int n = 200000;
  double sum = 0, squares = 0;
  for (int i = 0; i < n; ++i) {
    const double u = uniform(key, static_cast<std::uint64_t>(i));
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    squares += u * u;
  }
  EXPECT_NEAR(sum / n, 0.5, 5 / std::sqrt(12.0 * n));
  EXPECT_NEAR(squares / n, 1.0 / 3, 0.004);
}

TEST(Random, NormalHasTheMomentsOfTheNormalLaw) {
  const RandomKey key = random_key(8, "test");
  const int n = 200000;
  double sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < n; ++i) {
    const double z = normal(key, static_cast<std::uint64_t>(i));
    sum += z;
    squares += z * z;
    fourth += z * z * z * z;
  }
  EXPECT_NEAR(sum / n, 0.0, 5 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1.0, 5 * std::sqrt(2.0 / n));
  EXPECT_NEAR(fourth / n, 3.0, 5 * std::sqrt(96.0 / n));
}

TEST(Random, BelowHitsEveryValueAboutEquallyOften) {
  std::array<int, 7> counts{};
  for (std::uint64_t i = 0; i < 70000; ++i) ++counts[below(random_key(3, "below"), i, 7)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);
}

TEST(Random, StreamsStepsAndSeedsDiffer) {
  std::set<double> first;
  for (const auto& key :
       {random_key(1, "a"), random_key(1, "b"), random_key(2, "a"), random_key(1, "a", 1)})
    first.insert(uniform(key, 0));
  EXPECT_EQ(first.size(), 4U);
}

}  // namespace
}  // namespace polder
