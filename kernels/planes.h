#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "polder/core/shape.h"

namespace polder::kernels {

/// A permutation of axes as y sees it: two of its axes span a plane, the others number the planes.
/// Columns run along y's last axis, rows along the axis that is x's last.
struct Planes {
  using Sizes = std::array<std::int64_t, Shape::kMaxRank>;

  int rank = 0;               // of the axes that number planes
  Sizes size{}, in{}, out{};  // their sizes, their strides in x and in y
  std::int64_t count = 1;
  std::int64_t rows = 1, columns = 1;
  std::int64_t row_out = 1, column_in = 1;  // stride of rows in y, of columns in x

  /// Where a plane starts in x and in y.
  struct Start {
    std::int64_t in = 0, out = 0;
  };
  constexpr Start start_of(std::int64_t plane) const {
    Start start;
    for (int axis = rank - 1; axis >= 0; --axis) {
      const std::int64_t coordinate = plane % size[axis];
      start.in += coordinate * in[axis];
      start.out += coordinate * out[axis];
      plane /= size[axis];
    }
    return start;
  }
};

/// y.size(k) = x.size(order[k]).
Planes planes_of(const Shape& x, std::span<const int> order, const Shape& y);

}  // namespace polder::kernels
