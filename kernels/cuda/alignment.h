#pragma once

#include <algorithm>
#include <cstdint>

namespace polder::kernels::cuda {

/// Largest power of two, at most 16, that divides the address: views into a tensor start anywhere.
inline int alignment_of(const void* address) {
  const auto bits = reinterpret_cast<std::uintptr_t>(address) | 16U;
  return static_cast<int>(bits & (~bits + 1));
}

}  // namespace polder::kernels::cuda
