#include "polder/kernels/planes.h"

namespace polder::kernels {
namespace {

/// Elements between neighbours along each axis.
Planes::Sizes strides_of(const Shape& shape) {
  Planes::Sizes strides{};
  std::int64_t step = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

}  // namespace

Planes planes_of(const Shape& x, std::span<const int> order, const Shape& y) {
  const Planes::Sizes in = strides_of(x), out = strides_of(y);
  const int last = y.rank() - 1;
  Planes planes;
  if (last < 0) return planes;
  planes.columns = y[last];
  planes.column_in = in[order[last]];
  for (int axis = 0; axis < last; ++axis) {
    if (order[axis] == last) {
      planes.rows = y[axis];
      planes.row_out = out[axis];
      continue;
    }
    planes.size[planes.rank] = y[axis];
    planes.in[planes.rank] = in[order[axis]];
    planes.out[planes.rank] = out[axis];
    ++planes.rank;
    planes.count *= y[axis];
  }
  return planes;
}

}  // namespace polder::kernels
