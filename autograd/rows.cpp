#include "polder/autograd/functions.h"
#include "polder/autograd/results.h"

// Gathering and scattering by one index are adjoint: each is the gradient of the other.
namespace polder::autograd {

Variable gather_rows(const Variable& table, const Tensor& index) {
  require(table.rank() > 0, "gather_rows: a scalar has no rows");
  require_int64("gather_rows", index);
  require(index.rank() == 1, "gather_rows: index {}, wanted [rows]", index.shape());
  Tensor y = empty_like(table.value(), table.shape().with(0, index.size(0)));
  Tensor y_rows = as_samples(y);
  kernels::backend_of(y).gather_rows(as_samples(table.value()), index, y_rows);
  const auto gradient = [index, rows = table.size(0)](const Variable&, const Variable& dy,
                                                      const Needs&) -> Variables {
    return {scatter_rows(dy, index, rows)};
  };
  return Variable::result(y, {table}, gradient);
}

Variable scatter_rows(const Variable& x, const Tensor& index, std::int64_t rows) {
  require(x.rank() > 0, "scatter_rows: a scalar has no rows");
  require_int64("scatter_rows", index);
  require(index.shape() == Shape{x.size(0)}, "scatter_rows: index {} for x {}", index.shape(),
          x.shape());
  Tensor y = Tensor::empty(x.shape().with(0, rows), accumulation_type(x.dtype()), x.device());
  kernels::backend_of(y).fill(0.0, y);
  Tensor y_rows = as_samples(y);
  kernels::backend_of(y).scatter_add_rows(as_samples(x.value()), index, y_rows);
  const auto gradient = [index](const Variable&, const Variable& dy, const Needs&) -> Variables {
    return {gather_rows(dy, index)};
  };
  return Variable::result(y, {x}, gradient);
}

}  // namespace polder::autograd
