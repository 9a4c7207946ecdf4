#pragma once

#include <vector>

#include "polder/core/tensor.h"

namespace polder::kernels::cuda {

/// Scratch memory of the library calls on one card. They take turns in it, because all of them run
/// on one stream. It grows to the largest need and stays: in steady state nothing is allocated, and
/// a captured step finds its scratch memory where it was (hence blocks outgrown are kept; each is
/// at least twice the one before).
class Workspace {
 public:
  explicit Workspace(Device device) : device_(device) {}

  /// `bytes` bytes, aligned to at least 64; null for none. Throws Error when memory runs out.
  void* at_least(std::size_t bytes);

 private:
  Device device_;
  std::vector<Tensor> blocks_;
};

}  // namespace polder::kernels::cuda
