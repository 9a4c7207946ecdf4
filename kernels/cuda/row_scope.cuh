#pragma once

#include <limits>

#include "polder/kernels/cuda/block_reduce.cuh"

/// What the kernels share that treat each row of a [rows, n] array by itself. They read a row
/// several times instead of keeping it in registers: the rows in work at a time fit the cache, so
/// the card's memory is read once.
namespace polder::kernels::POLDER_DEVICE {

/// A scope is the threads that share a row: whose rows are first_row, first_row + row_stride, ...,
/// of whose elements this thread takes `thread`, `thread + threads`, ... It reduces over the row,
/// and every thread of it holds the result (block_reduce.cuh).
struct WarpScope {
  static __device__ std::int64_t first_row() { return warp_rank(); }
  static __device__ std::int64_t row_stride() { return warp_count(); }
  static __device__ int thread() { return lane(); }
  static constexpr __device__ int threads() { return kWarpSize; }
  template <class T, class Op>
  static __device__ T reduce(T value, Op op) {
    return warp_reduce(value, op);
  }
};

/// `size` is the block's number of threads: known here, loops unroll.
template <int size>
struct BlockScope {
  static __device__ std::int64_t first_row() { return blockIdx.x; }
  static __device__ std::int64_t row_stride() { return gridDim.x; }
  static __device__ int thread() { return static_cast<int>(threadIdx.x); }
  static constexpr __device__ int threads() { return size; }
  template <class T, class Op>
  static __device__ T reduce(T value, Op op) {
    return block_reduce(value, op);
  }
};

/// Rows up to here are a warp's; longer ones a block's.
inline constexpr std::int64_t kLongestWarpRow = 512;
/// From here on a block is large, so that the rows of the few that are resident fit the cache.
inline constexpr std::int64_t kLongRow = 8192;
inline constexpr int kLongRowThreads = 1024;

/// Calls f(scope, launch shape) with the scope that suits rows of n elements; it depends on n
/// alone, and with it the order of a row's sums.
template <class F>
void with_row_scope(const Runtime& runtime, std::int64_t rows, std::int64_t n, F&& f,
                    std::source_location where = std::source_location::current()) {
  if (n <= kLongestWarpRow) return f(WarpScope{}, over(runtime, rows * kWarpSize, where));
  Launch shape = block_each(runtime, rows, where);
  if (n < kLongRow) return f(BlockScope<kThreads>{}, shape);
  shape.threads = kLongRowThreads;
  f(BlockScope<kLongRowThreads>{}, shape);
}

/// f(row) for the rows of this scope.
template <class Scope, class F>
__device__ void for_rows(std::int64_t rows, F&& f) {
  for (std::int64_t r = Scope::first_row(); r < rows; r += Scope::row_stride()) f(r);
}

/// f(i) for the elements of a row that are this thread's.
template <class Scope, class F>
__device__ void for_elements(std::int64_t n, F&& f) {
  for (std::int64_t i = Scope::thread(); i < n; i += Scope::threads()) f(i);
}

/// Sum of term(i) over a row, in float64.
template <class Scope, class F>
__device__ double row_sum(std::int64_t n, F&& term) {
  double sum = 0;
  for_elements<Scope>(n, [&](std::int64_t i) { sum += static_cast<double>(term(i)); });
  return Scope::reduce(sum, Sum{});
}

/// The largest element of a row; NaN is the largest.
template <class Scope, class T>
__device__ Wide<T> row_max(std::int64_t n, const T* x) {
  Wide<T> largest = -std::numeric_limits<Wide<T>>::infinity();
  for_elements<Scope>(n, [&](std::int64_t i) { largest = Maximum{}(largest, widen(x[i])); });
  return Scope::reduce(largest, Maximum{});
}

}  // namespace polder::kernels::POLDER_DEVICE
