#include "polder/optim/rows.h"

#include <algorithm>

#include "polder/optim/scalars.h"

namespace polder::optim {

Batch gather(const Batch& batch, const Tensor& index) {
  const auto part = [&](const Tensor& x) { return x.defined() ? gather_rows(x, index) : Tensor(); };
  return {.inputs = part(batch.inputs),
          .targets = part(batch.targets),
          .indices = part(batch.indices),
          .row_ids = batch.row_ids.defined() ? part(batch.row_ids) : index,
          .domains = part(batch.domains)};
}

Tensor gather_rows(const Tensor& table, const Tensor& index) {
  Tensor rows = Tensor::empty(table.shape().with(0, index.numel()), table.dtype(), table.device());
  kernels::backend_of(table).gather_rows(table, index, rows);
  return rows;
}

void put_rows(const Tensor& rows, const Tensor& index, Tensor& table) {
  kernels::backend_of(table).put_rows(rows, index, table);
}

Tensor mean(const Tensor& losses) { return average(wide(losses)); }

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
