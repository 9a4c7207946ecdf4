#pragma once

/// What lets one kernel source compile twice: by nvcc for a card, and by g++ for the emulated
/// device (kernels/emulated/language.h), where an executor of our own runs its blocks and threads.
/// POLDER_DEVICE, set by the build, names the namespace of the copy: cuda or emulated.
///
/// Rules for every source that includes this file:
/// - threadIdx, blockIdx, blockDim, gridDim, __syncthreads, __syncwarp, full-mask __shfl_*_sync and
///   votes, integer atomics and the vector types are CUDA's own. No inline PTX, no other intrinsic.
/// - Shared memory is declared by POLDER_SHARED and POLDER_DYNAMIC_SHARED and reached by `name[i]`
///   only (the emulated device checks i); pass it on as `auto& name`.
/// - Kernels are launched by `launch` (launch.cuh), never by <<<>>>. grid_sync() waits until every
///   thread of a cooperative launch is there.
/// - The size of the machine (number of multiprocessors) arrives as an argument.
/// - No floating-point atomics: sums have one order.

#ifdef __CUDACC__

#include <cooperative_groups.h>
#include <cuda_runtime.h>

#include "polder/kernels/cuda/runtime.h"

#define POLDER_SHARED(T, name, n) __shared__ T name[n]
#define POLDER_DYNAMIC_SHARED(T, name)                                    \
  extern __shared__ __align__(16) unsigned char polder_dynamic_shared_[]; \
  T* const name = reinterpret_cast<T*>(polder_dynamic_shared_)

namespace polder::kernels::cuda {
__device__ inline void grid_sync() { cooperative_groups::this_grid().sync(); }
}  // namespace polder::kernels::cuda

#else

#include "polder/kernels/emulated/language.h"
#include "polder/kernels/emulated/runtime.h"

#define POLDER_SHARED(T, name, n)    \
  static const char name##_slot = 0; \
  const auto name = ::polder::kernels::emulated::shared_array<T, n>(&name##_slot)
#define POLDER_DYNAMIC_SHARED(T, name) \
  const auto name = ::polder::kernels::emulated::dynamic_shared_array<T>()

#endif
