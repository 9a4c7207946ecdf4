#include "polder/kernels/cuda/workspace.h"

#include <algorithm>

namespace polder::kernels::cuda {

void* Workspace::at_least(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  const std::size_t held = blocks_.empty() ? 0 : blocks_.back().bytes();
  if (held < bytes) {
    constexpr std::size_t kUnit = sizeof(double);
    const std::size_t wanted = std::max(bytes, 2 * held);
    blocks_.push_back(Tensor::empty({static_cast<std::int64_t>((wanted + kUnit - 1) / kUnit)},
                                    DType::float64, device_));
  }
  return blocks_.back().raw();
}

}  // namespace polder::kernels::cuda
