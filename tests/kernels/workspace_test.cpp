#include "polder/kernels/cuda/workspace.h"

#include <gtest/gtest.h>

#include "polder/core/allocator.h"

namespace polder::kernels::cuda {
namespace {

TEST(Workspace, GrowsToTheLargestNeedAndStaysWhereItIs) {
  Workspace workspace(kCpu);
  EXPECT_EQ(workspace.at_least(0), nullptr);
  void* small = workspace.at_least(1000);
  ASSERT_NE(small, nullptr);
  EXPECT_EQ(workspace.at_least(1), small);
  EXPECT_EQ(workspace.at_least(1000), small);
  void* large = workspace.at_least(1 << 20);
  EXPECT_NE(large, small);
  const AllocatorStats before = allocator_of(kCpu).stats();
  EXPECT_EQ(workspace.at_least(1 << 20), large);
  EXPECT_EQ(workspace.at_least(1000), large);
  EXPECT_EQ(allocator_of(kCpu).stats().bytes_in_use, before.bytes_in_use);
}

TEST(Workspace, BlocksOutgrownAreKeptAndHoldNoMoreThanTheNewestTwiceOver) {
  const std::size_t before = allocator_of(kCpu).stats().bytes_in_use;
  Workspace workspace(kCpu);
  std::size_t bytes = 1024;
  for (; bytes <= (1 << 20); bytes += 1024) workspace.at_least(bytes);
  const std::size_t held = allocator_of(kCpu).stats().bytes_in_use - before;
  EXPECT_GE(held, 3 * bytes / 2);  // the last two at least
  EXPECT_LE(held, 4 * bytes);
}

}  // namespace
}  // namespace polder::kernels::cuda
