#include "polder/core/batch.h"

#include <numeric>
#include <vector>

namespace polder {

Batch Batch::slice(std::int64_t begin, std::int64_t end) const {
  Batch part;
  part.inputs = inputs.slice(begin, end);
  if (targets.defined()) part.targets = targets.slice(begin, end);
  if (indices.defined()) part.indices = indices.slice(begin, end);
  if (domains.defined()) part.domains = domains.slice(begin, end);
  if (row_ids.defined()) {
    part.row_ids = row_ids.slice(begin, end);
  } else {
    std::vector<std::int64_t> ids(static_cast<std::size_t>(end - begin));
    std::iota(ids.begin(), ids.end(), begin);
    part.row_ids = Tensor::from(ids, {end - begin}, inputs.device());
  }
  return part;
}

}  // namespace polder
