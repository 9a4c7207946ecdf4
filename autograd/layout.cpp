#include <algorithm>
#include <numeric>

#include "polder/autograd/functions.h"
#include "polder/autograd/results.h"

namespace polder::autograd {
namespace {

std::vector<int> inverse(const std::vector<int>& order) {
  std::vector<int> positions(order.size());
  for (std::size_t k = 0; k < order.size(); ++k)
    positions[static_cast<std::size_t>(order[k])] = static_cast<int>(k);
  return positions;
}

void require_permutation(const Shape& shape, const std::vector<int>& order) {
  std::vector<int> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  std::vector<int> axes(static_cast<std::size_t>(shape.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  require(sorted == axes, "permute: the order names {} axes, wanted each axis of {} once",
          order.size(), shape);
}

/// Zeros of `size` along the axis with x at `begin`: the adjoint of narrow.
Variable embed(const Variable& x, int axis, std::int64_t begin, std::int64_t size) {
  Tensor y = full_like(x.value(), x.shape().with(axis, size), 0.0);
  const std::int64_t count = x.size(axis);
  kernels::backend_of(y).copy_along(axis, x.value(), 0, y, begin, count);
  const auto gradient = [axis, begin, count](const Variable&, const Variable& dy,
                                             const Needs&) -> Variables {
    return {narrow(dy, axis, begin, begin + count)};
  };
  return Variable::result(y, {x}, gradient);
}

}  // namespace

Variable reshape(const Variable& x, const Shape& shape) {
  const auto gradient = [x_shape = x.shape()](const Variable&, const Variable& dy,
                                              const Needs&) -> Variables {
    return {reshape(dy, x_shape)};
  };
  return Variable::result(x.value().reshape(shape), {x}, gradient);
}

Variable permute(const Variable& x, const std::vector<int>& order) {
  require_permutation(x.shape(), order);
  Shape shape = x.shape();
  for (int k = 0; k < x.rank(); ++k)
    shape = shape.with(k, x.size(order[static_cast<std::size_t>(k)]));
  Tensor y = empty_like(x.value(), shape);
  kernels::backend_of(y).permute(x.value(), order, y);
  const auto gradient = [order](const Variable&, const Variable& dy, const Needs&) -> Variables {
    return {permute(dy, inverse(order))};
  };
  return Variable::result(y, {x}, gradient);
}

Variable transpose(const Variable& x) {
  require(x.rank() >= 2, "transpose: {} has fewer than two axes", x.shape());
  std::vector<int> order(static_cast<std::size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return permute(x, order);
}

Variable concatenate(const Variables& parts, int axis) {
  require(!parts.empty(), "concatenate: no parts");
  const Shape& first = parts[0].shape();
  const int at = first.axis(axis);
  std::int64_t size = 0;
  for (const Variable& part : parts) {
    require_same_kind("concatenate", parts[0], part);
    require(part.rank() == first.rank() && part.shape().with(at, 0) == first.with(at, 0),
            "concatenate: {} and {} differ in more than axis {}", first, part.shape(), axis);
    size += part.size(at);
  }
  Tensor y = empty_like(parts[0].value(), first.with(at, size));
  std::int64_t begin = 0;
  for (const Variable& part : parts) {
    kernels::backend_of(y).copy_along(at, part.value(), 0, y, begin, part.size(at));
    begin += part.size(at);
  }
  const auto gradient = [parts, at](const Variable&, const Variable& dy, const Needs& needs) {
    Variables gradients(parts.size());
    std::int64_t from = 0;
    for (std::size_t k = 0; k < parts.size(); ++k) {
      const std::int64_t to = from + parts[k].size(at);
      if (needs[k]) gradients[k] = narrow(dy, at, from, to);
      from = to;
    }
    return gradients;
  };
  return Variable::result(y, parts, gradient);
}

Variable narrow(const Variable& x, int axis, std::int64_t begin, std::int64_t end) {
  const int at = x.shape().axis(axis);
  const std::int64_t size = x.size(at);
  require(begin >= 0 && begin <= end && end <= size, "narrow: {} to {} along axis {} of {}", begin,
          end, axis, x.shape());
  Tensor y = empty_like(x.value(), x.shape().with(at, end - begin));
  kernels::backend_of(y).copy_along(at, x.value(), begin, y, 0, end - begin);
  const auto gradient = [at, begin, size](const Variable&, const Variable& dy,
                                          const Needs&) -> Variables {
    return {embed(dy, at, begin, size)};
  };
  return Variable::result(y, {x}, gradient);
}

}  // namespace polder::autograd
