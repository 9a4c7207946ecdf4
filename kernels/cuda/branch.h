#pragma once

#include <cuda_runtime_api.h>

namespace polder::kernels::cuda {

class Runtime;

/// Launches a kernel that opens the condition when the decision (on the card) is not 0; NaN is not
/// 0.
void launch_set_condition(Runtime& runtime, const double* decision,
                          cudaGraphConditionalHandle condition);

}  // namespace polder::kernels::cuda
