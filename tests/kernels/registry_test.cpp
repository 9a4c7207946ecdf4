
#include "kernels/kernel_test.h"

namespace polder::kernels::testing {
namespace {

TEST(Registry, TheCpuIsAlwaysPresent) {
  EXPECT_THAT(available_devices(), ::testing::Contains(kCpu));
  for (const Device device : available_devices()) EXPECT_EQ(backend_of(device).device(), device);
}

TEST(Registry, AnUnknownDeviceIsRefusedByNameWithThoseThatArePresent) {
  EXPECT_THAT(
      error_of([] {
        backend_of(Device{DeviceType::cuda, 63});
      }),
      ::testing::AllOf(::testing::HasSubstr("cuda:63"), ::testing::HasSubstr("present: cpu")));
}

TEST(Threads, TheCountCanBeSetAndMustBePositive) {
  const int before = thread_count();
  EXPECT_GE(before, 1);
  set_thread_count(3);
  EXPECT_EQ(thread_count(), 3);
  EXPECT_THROW(set_thread_count(0), Error);
  EXPECT_EQ(thread_count(), 3);
  set_thread_count(before);
}

}  // namespace
}  // namespace polder::kernels::testing
