#include "polder/kernels/cuda/clock.cuh"

namespace polder::kernels::POLDER_DEVICE {
namespace {

__global__ void write_clock(std::int64_t steps, std::int64_t* clock) {
  if (threadIdx.x == 0) *clock = steps;
}

}  // namespace

void set_clock(Runtime& runtime, std::int64_t steps) {
  launch(runtime, {.blocks = 1, .threads = 32}, write_clock, steps, runtime.clock());
}

}  // namespace polder::kernels::POLDER_DEVICE
