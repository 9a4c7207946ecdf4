#include "polder/optim/rows.h"

#include <algorithm>

namespace polder::optim {
namespace {

Tensor gather_rows(const Tensor& table, const Tensor& index) {
  if (!table.defined()) return {};
  Tensor rows = Tensor::empty(table.shape().with(0, index.numel()), table.dtype(), table.device());
  kernels::backend_of(table).gather_rows(table, index, rows);
  return rows;
}

}  // namespace

Batch gather(const Batch& batch, const Tensor& index) {
  return {.inputs = gather_rows(batch.inputs, index),
          .targets = gather_rows(batch.targets, index),
          .indices = gather_rows(batch.indices, index),
          .row_ids = batch.row_ids.defined() ? gather_rows(batch.row_ids, index) : index,
          .domains = gather_rows(batch.domains, index)};
}

Tensor largest(const Tensor& x, std::int64_t count) {
  require(count >= 1 && count <= x.numel(), "largest: {} rows of {}, want at least 1 and no more",
          count, x.numel());
  Tensor index = Tensor::empty({count}, DType::int64, x.device());
  kernels::backend_of(x).largest(x, count, index);
  return index;
}

std::int64_t share_of_rows(double share, std::int64_t n) {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(share * static_cast<double>(n)));
}

}  // namespace polder::optim
