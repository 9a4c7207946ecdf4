#pragma once

/// What CUDA C++ looks like to g++: with this header a kernel source is plain C++, run by the
/// executor of the emulated device. kernels/cuda/portable.cuh says what kernels may use.

#include "polder/kernels/emulated/arithmetic.h"
#include "polder/kernels/emulated/atomics.h"
#include "polder/kernels/emulated/place.h"
#include "polder/kernels/emulated/shared_array.h"
#include "polder/kernels/emulated/threads.h"
#include "polder/kernels/emulated/vector_types.h"

// NOLINTBEGIN(bugprone-reserved-identifier): CUDA's own names
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
// NOLINTEND(bugprone-reserved-identifier)

#define threadIdx (::polder::kernels::emulated::machine::current_place->index)
#define blockIdx (::polder::kernels::emulated::machine::current_place->block->index)
#define blockDim (::polder::kernels::emulated::machine::current_place->block->threads)
#define gridDim (::polder::kernels::emulated::machine::current_place->block->blocks)
