// Prints the first card as cuDNN describes it: what devices/*.json hold. Exit status 3: no card.
#include <cstdio>

#include "polder/core/error.h"
#include "polder/kernels/back_ends.h"
#include "polder/kernels/cuda/convolution_plan.h"

int main() {
  using namespace polder::kernels;
  if (cuda_device_count() == 0) {
    std::fprintf(stderr, "no card: %s\n", why_no_card().c_str());
    return 3;
  }
  cudnnHandle_t handle = nullptr;
  cuda::check(cudnnCreate(&handle));
  std::puts(cuda::PlanTarget(handle).description().c_str());
  return 0;
}
