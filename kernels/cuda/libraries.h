#pragma once

#include "polder/kernels/cuda/convolutions.h"
#include "polder/kernels/cuda/products.h"
#include "polder/kernels/cuda/workspace.h"

namespace polder::kernels::cuda {

/// cuBLASLt and cuDNN on one card, with the scratch memory that they take turns in.
class Libraries {
 public:
  explicit Libraries(Runtime& runtime)
      : workspace_({DeviceType::cuda, runtime.index()}),
        products_(runtime, workspace_),
        convolutions_(runtime, workspace_) {}

  Products& products() { return products_; }
  Convolutions& convolutions() { return convolutions_; }

 private:
  Workspace workspace_;
  Products products_;
  Convolutions convolutions_;
};

}  // namespace polder::kernels::cuda
