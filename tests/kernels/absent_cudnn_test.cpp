#include <gtest/gtest.h>

#include "polder/kernels/back_ends.h"

namespace polder::kernels {
namespace {

TEST(CudnnPlans, ExistForEveryConvolutionOnADescribedCard) {
  GTEST_SKIP() << "no cuDNN: " << why_no_card();
}

}  // namespace
}  // namespace polder::kernels
