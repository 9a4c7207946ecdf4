#pragma once

#include "polder/kernels/cuda/runtime.h"

namespace polder::kernels::cuda {

/// Handles of cuBLASLt and cuDNN on one card, their workspaces and plans.
class Libraries {
 public:
  explicit Libraries(Runtime& runtime) : runtime_(runtime) {}
  Runtime& runtime() { return runtime_; }

 private:
  Runtime& runtime_;
};

}  // namespace polder::kernels::cuda
