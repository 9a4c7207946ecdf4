#include "polder/core/text.h"

#include <gtest/gtest.h>

namespace polder {
namespace {

TEST(Text, NearestName) {
  EXPECT_EQ(nearest_name("asm", {"sgd", "asam", "lets_sam"}), "asam");
  EXPECT_EQ(nearest_name("learning-rat", {"batch", "learning-rate"}), "learning-rate");
  EXPECT_EQ(nearest_name("x", {}), "");
}

TEST(Text, JoinsWithTheSeparator) { EXPECT_EQ(join({"a", "b"}), "a, b"); }

}  // namespace
}  // namespace polder
