#pragma once

#include "polder/core/random.h"
#include "polder/kernels/cuda/clock.h"
#include "polder/kernels/cuda/launch.cuh"

namespace polder::kernels::POLDER_DEVICE {

/// The key of `clock` steps later.
__device__ inline RandomKey later(RandomKey key, const std::int64_t* clock) {
  return key.at(key.step + static_cast<std::uint32_t>(*clock));
}

}  // namespace polder::kernels::POLDER_DEVICE
