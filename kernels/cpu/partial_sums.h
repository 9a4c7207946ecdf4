#pragma once

#include <algorithm>
#include <cstdint>

#include "polder/kernels/cpu/parallel.h"

namespace polder::kernels::cpu {

/// out[i] = partials[0, i] + partials[1, i] + ..., in ascending order. partials [strands, n].
template <class T>
void sum_partials(const T* partials, std::int64_t strands, std::int64_t n, T* out) {
  parallel_blocks(n, kElementBlock, [&](std::int64_t begin, std::int64_t end) {
    std::copy(partials + begin, partials + end, out + begin);
    for (std::int64_t s = 1; s < strands; ++s) {
      const T* partial = partials + s * n;
      for (std::int64_t i = begin; i < end; ++i) out[i] += partial[i];
    }
  });
}

}  // namespace polder::kernels::cpu
