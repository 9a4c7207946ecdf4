#include "polder/autograd/functions.h"
#include "polder/autograd/results.h"

namespace polder::autograd {

Variable dropout(const Variable& x, double p, RandomKey key, const Tensor& row_ids) {
  require(x.rank() > 0, "dropout: a scalar has no rows");
  require(p >= 0.0 && p < 1.0, "dropout: p = {} is outside [0, 1)", p);
  require(!row_ids.defined() ||
              (row_ids.dtype() == DType::int64 && row_ids.shape() == Shape{x.size(0)}),
          "dropout: row ids {} {} for x {}, wanted int64 [{}]", row_ids.dtype(), row_ids.shape(),
          x.shape(), x.size(0));
  Tensor y = empty_like(x.value());
  Tensor y_rows = as_samples(y);
  kernels::backend_of(y).dropout(as_samples(x.value()), p, key, row_ids, y_rows);
  // The mask is a function of the key, so dropout is its own adjoint and stores nothing.
  const auto gradient = [p, key, row_ids](const Variable&, const Variable& dy,
                                          const Needs&) -> Variables {
    return {dropout(dy, p, key, row_ids)};
  };
  return Variable::result(y, {x}, gradient);
}

}  // namespace polder::autograd
