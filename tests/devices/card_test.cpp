#include <gtest/gtest.h>

#include "polder/kernels/back_ends.h"

/// Tests run on every device present. This one says in the report when no card was among them.
namespace polder::kernels {
namespace {

TEST(Card, IsTestedWhereThereIsOne) {
  if (cuda_device_count() == 0)
    GTEST_SKIP() << "no card: this program was built without CUDA, or the driver offers none; the "
                    "emulated device ran the kernels";
  EXPECT_EQ(backend_of({DeviceType::cuda, 0}).device(), (Device{DeviceType::cuda, 0}));
}

}  // namespace
}  // namespace polder::kernels
