#pragma once

#include <cstdint>

namespace polder::kernels::cpu {

/// A factor of a product: a row-major matrix in memory whose rows are `stride` elements apart, read
/// as it is or transposed.
template <class T>
struct Factor {
  const T* data = nullptr;
  std::int64_t stride = 0;
  bool transposed = false;

  /// The factor from row i and column j on.
  Factor at(std::int64_t i, std::int64_t j) const {
    return {data + (transposed ? j * stride + i : i * stride + j), stride, transposed};
  }
  Factor transpose() const { return {data, stride, !transposed}; }
};

/// c = a b, or c += a b, for a [m, k], b [k, n] and row-major c [m, n] whose rows are `c_stride`
/// elements apart. Runs on the calling thread, takes no memory from the system once warm, and sums
/// in an order that depends on the sizes alone. T is float or double.
template <class T>
void product(std::int64_t m, std::int64_t n, std::int64_t k, Factor<T> a, Factor<T> b, T* c,
             std::int64_t c_stride, bool accumulate);

}  // namespace polder::kernels::cpu
