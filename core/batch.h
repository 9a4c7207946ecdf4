#pragma once

#include <cstdint>

#include "polder/core/tensor.h"

namespace polder {

/// A mini-batch: samples, what is wanted of them, and who they are.
struct Batch {
  Tensor inputs{};   // [n, ...]
  Tensor targets{};  // int64 labels [n], or floating targets [n, ...]
  Tensor indices{};  // int64 [n]: positions in the data set
  Tensor row_ids{};  // int64 [n]: positions in the whole batch this was cut from; undefined: 0..n-1
  Tensor domains{};  // int64 [n]: which source each sample comes from, when there are several

  std::int64_t size() const { return inputs.defined() ? inputs.size(0) : 0; }
  /// Rows [begin, end) as a batch; shares memory and remembers its row ids.
  Batch slice(std::int64_t begin, std::int64_t end) const;
};

}  // namespace polder
