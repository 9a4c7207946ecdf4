#include "kernels/kernel_test.h"
#include "polder/kernels/back_ends.h"

namespace polder::kernels::testing {
namespace {

/// The rows of a card are missing from every suite of this program when there is none: this test
/// says so.
TEST(Card, IsAmongTheDevicesTested) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "no card: " << why_no_card();
  const Device card{DeviceType::cuda, 0};
  EXPECT_EQ(backend_of(card).device(), card);
  EXPECT_THAT(available_devices(), ::testing::Contains(card));
}

TEST(Card, AProgramWithoutOneRunsAndSaysWhyThereIsNone) {
  if (cuda_device_count() > 0) GTEST_SKIP() << "there is a card";
  EXPECT_THAT(available_devices(), ::testing::Contains(kCpu));
  for (const Device device : available_devices()) EXPECT_NE(device.type, DeviceType::cuda);
  EXPECT_FALSE(why_no_card().empty());
  EXPECT_THROW(Tensor::empty({3}, DType::float32, Device{DeviceType::cuda, 0}), Error);
}

}  // namespace
}  // namespace polder::kernels::testing
