#pragma once

#include "polder/kernels/cuda/launch.cuh"

/// Reductions over a warp and over a block. For each of them:
/// - all threads of the scope take part, none may have left, and the block is one-dimensional with
/// a
///   multiple of 32 threads;
/// - every thread of the scope holds the result;
/// - the order depends on the number of threads alone, so the bits are the same in every run.
namespace polder::kernels::POLDER_DEVICE {

inline constexpr int kWarpSize = 32;
inline constexpr unsigned kAllLanes = 0xffffffffU;

/// This thread's place in its warp.
__device__ inline int lane() { return static_cast<int>(threadIdx.x % kWarpSize); }

/// This warp's place in a grid-stride walk of warps, and the stride.
__device__ inline std::int64_t warp_rank() { return thread_rank() / kWarpSize; }
__device__ inline std::int64_t warp_count() { return thread_count() / kWarpSize; }

struct Sum {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

/// The larger; NaN is the largest.
struct Maximum {
  template <class T>
  __device__ T operator()(T a, T b) const {
    // Both questions are asked always: a branch would stand between the loads of a loop.
    const bool larger = b > a, not_a_number = isnan(b);
    return larger | not_a_number ? b : a;
  }
};

/// op over the lanes of a warp, op commutative. No barrier of the block.
template <class T, class Op>
__device__ T warp_reduce(T value, Op op) {
  for (int distance = kWarpSize / 2; distance > 0; distance /= 2)
    value = op(value, __shfl_xor_sync(kAllLanes, value, distance));
  return value;
}

/// op over the threads of a block, op commutative. Two barriers; may be called again at once.
template <class T, class Op>
__device__ T block_reduce(T value, Op op) {
  POLDER_SHARED(T, partial, kWarpSize);
  value = warp_reduce(value, op);
  __syncthreads();  // the partial results of an earlier call have been read
  if (lane() == 0) partial[threadIdx.x / kWarpSize] = value;
  __syncthreads();
  value = partial[0];
  const int warps = static_cast<int>(blockDim.x / kWarpSize);
  for (int warp = 1; warp < warps; ++warp) value = op(value, partial[warp]);
  return value;
}

template <class T>
__device__ T warp_sum(T value) {
  return warp_reduce(value, Sum{});
}
template <class T>
__device__ T warp_max(T value) {
  return warp_reduce(value, Maximum{});
}
template <class T>
__device__ T block_sum(T value) {
  return block_reduce(value, Sum{});
}
template <class T>
__device__ T block_max(T value) {
  return block_reduce(value, Maximum{});
}

}  // namespace polder::kernels::POLDER_DEVICE
