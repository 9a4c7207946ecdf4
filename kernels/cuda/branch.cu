#include "polder/kernels/cuda/branch.h"

#include "polder/kernels/cuda/launch.cuh"

// Conditional nodes exist on cards alone: the emulated device does not compile this file.
namespace polder::kernels::cuda {
namespace {

__global__ void set_condition(const double* decision, cudaGraphConditionalHandle condition) {
  if (threadIdx.x == 0) cudaGraphSetConditional(condition, *decision != 0.0 ? 1U : 0U);
}

}  // namespace

void launch_set_condition(Runtime& runtime, const double* decision,
                          cudaGraphConditionalHandle condition) {
  launch(runtime, {.blocks = 1, .threads = 32}, set_condition, decision, condition);
}

}  // namespace polder::kernels::cuda
