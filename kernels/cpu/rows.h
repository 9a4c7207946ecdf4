#pragma once

#include "polder/core/tensor.h"

namespace polder::kernels::cpu {

/// Elements of one row: the product of all sizes but the first.
inline std::int64_t row_width(const Tensor& x) {
  return x.rank() == 0 ? 1 : x.shape().trailing(x.rank() - 1).numel();
}

/// Throws Error naming the first entry of `indices` outside [0, bound).
inline void check_indices(const char* function, const char* what, const Tensor& indices,
                          std::int64_t bound) {
  const std::int64_t* value = indices.data<std::int64_t>();
  for (std::int64_t i = 0, count = indices.numel(); i < count; ++i)
    require(value[i] >= 0 && value[i] < bound, "{}: {} {} at position {}, wanted one in [0, {})",
            function, what, value[i], i, bound);
}

}  // namespace polder::kernels::cpu
