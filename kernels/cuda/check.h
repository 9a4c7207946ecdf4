#pragma once

#include <cuda_runtime_api.h>

#include <source_location>

namespace polder::kernels::cuda {

/// Throws Error naming the call's line and the driver's own words unless `code` is success.
void check(cudaError_t code, std::source_location where = std::source_location::current());

}  // namespace polder::kernels::cuda
