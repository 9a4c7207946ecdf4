#include "polder/core/dtype.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace polder {
namespace {

float nearest_bfloat16(float value) {  // oracle: the closer of the two neighbours, ties to even
  const auto word = std::bit_cast<std::uint32_t>(value);
  const float below = std::bit_cast<float>(word & 0xffff0000U);
  const float above = std::bit_cast<float>((word & 0xffff0000U) + 0x10000U);
  const double down = std::abs(double{value} - below), up = std::abs(double{above} - value);
  if (down == up) return (word & 0x10000U) == 0 ? below : above;
  return down < up ? below : above;
}

TEST(Bfloat16, RoundsToNearestTiesToEven) {
  for (std::uint32_t i = 0; i < 200000; ++i) {
    const float value = std::bit_cast<float>(0x3c000000U + i * 1237U);
    if (!std::isfinite(value)) continue;
    EXPECT_EQ(static_cast<float>(bfloat16(value)), nearest_bfloat16(value)) << value;
  }
}

TEST(Bfloat16, KeepsNanInfinityAndSignedZero) {
  EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(std::nanf("")))));
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(static_cast<float>(bfloat16(-infinity)), -infinity);
  EXPECT_TRUE(std::signbit(static_cast<float>(bfloat16(-0.0F))));
  EXPECT_EQ(static_cast<float>(bfloat16(std::numeric_limits<float>::max())), infinity);
}

TEST(DType, SizesMatchTheElementTypes) {
  EXPECT_EQ(size_of(dtype_of<float>), sizeof(float));
  EXPECT_EQ(size_of(dtype_of<double>), sizeof(double));
  EXPECT_EQ(size_of(dtype_of<bfloat16>), sizeof(bfloat16));
  EXPECT_EQ(size_of(dtype_of<std::int64_t>), sizeof(std::int64_t));
}

}  // namespace
}  // namespace polder
