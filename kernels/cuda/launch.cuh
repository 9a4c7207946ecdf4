#pragma once

#include <algorithm>
#include <tuple>

#include "polder/kernels/cuda/launch_shape.h"
#include "polder/kernels/cuda/portable.cuh"

namespace polder::kernels::POLDER_DEVICE {

/// Threads of a block unless a kernel says otherwise.
inline constexpr int kThreads = 256;
/// Blocks a multiprocessor is given at most; kernels walk the rest in grid strides.
inline constexpr int kBlocksPerMultiprocessor = 16;

/// Enough blocks for one element a thread, up to the cap.
inline Launch over(const Runtime& runtime, std::int64_t elements,
                   std::source_location where = std::source_location::current()) {
  const std::int64_t most = std::int64_t{kBlocksPerMultiprocessor} * runtime.multiprocessors();
  return {.blocks = std::min((elements + kThreads - 1) / kThreads, most),
          .threads = kThreads,
          .where = where};
}

/// One block for each of `tasks`, up to the cap.
inline Launch block_each(const Runtime& runtime, std::int64_t tasks,
                         std::source_location where = std::source_location::current()) {
  const std::int64_t most = std::int64_t{kBlocksPerMultiprocessor} * runtime.multiprocessors();
  return {.blocks = std::min(tasks, most), .threads = kThreads, .where = where};
}

/// Runs kernel(arguments...) on the device's stream. Throws Error naming the caller's line when the
/// launch is refused. Arguments are converted to the kernel's parameter types here, on the host.
template <class... P, class... A>
void launch(Runtime& runtime, const Launch& shape, void (*kernel)(P...), A&&... arguments) {
  static_assert(sizeof...(P) == sizeof...(A), "one argument for each parameter of the kernel");
  std::tuple<P...> values(static_cast<P>(arguments)...);
  if (shape.blocks > 0) runtime.launch(shape, kernel, values);
}

/// This thread's place in a grid-stride walk, and the stride.
__device__ inline std::int64_t thread_rank() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline std::int64_t thread_count() {
  return static_cast<std::int64_t>(gridDim.x) * blockDim.x;
}

}  // namespace polder::kernels::POLDER_DEVICE
