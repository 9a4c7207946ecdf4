#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <tuple>

#include "polder/kernels/cuda/launch_shape.h"
#include "polder/kernels/emulated/place.h"

namespace polder::kernels::emulated {

/// The machine that is emulated: a small card with the limits of a large one.
inline constexpr int kMultiprocessors = 4;
inline constexpr int kThreadsPerMultiprocessor = 2048;
inline constexpr int kBlocksPerMultiprocessorLimit = 32;
/// Shared memory of a block, dynamic and declared together, in bytes.
inline constexpr std::size_t kSharedBytes = std::size_t{227} * 1024;
/// Declared (not dynamic) shared memory of a block, in bytes.
inline constexpr std::size_t kStaticSharedBytes = std::size_t{48} * 1024;

/// What the device looks for while it runs kernels.
struct Checks {
  /// Shared memory is filled with 0xff bytes (NaN, -1) before each block: what a kernel reads
  /// there before writing shows in its results.
  bool poison_shared = true;
  /// 0: threads run in order of their index as far as barriers let them. Any other number shuffles
  /// the order of blocks, and of the threads between two barriers. A correct kernel's results do
  /// not depend on it.
  std::uint64_t order_seed = 0;
};

/// Applies to launches from now on. Until it is called, the environment decides:
/// POLDER_EMULATED_POISON=0|1, POLDER_EMULATED_SEED=number.
void set_checks(const Checks& checks);
/// Throws Error when one of the environment variables cannot be read.
Checks current_checks();

/// A launch with grid and block of up to three dimensions.
struct Grid {
  dim3 blocks;
  dim3 threads;
  std::size_t shared_bytes = 0;  // dynamic shared memory of a block
  bool cooperative = false;      // all blocks are alive at once and may use grid_sync()
  std::source_location where = std::source_location::current();
};

/// Runs body(context) once for every thread of the launch and returns when all are done. Blocks are
/// spread over thread_count() host threads; the blocks of a cooperative launch run on one.
///
/// Throws Error, naming the line and the block, when a card would refuse the launch, when an
/// exception leaves a thread, when some threads of a block or warp wait in a barrier, shuffle or
/// vote that the others do not reach, and when a shared array is indexed out of range. Of several
/// failing blocks the one that comes first is reported. What the other threads wrote so far stays.
void run_grid(const Grid& grid, void (*body)(const void* context), const void* context);
void run_grid(const Launch& shape, void (*body)(const void* context), const void* context);

/// Runs kernel(values...) on every thread of the launch.
template <class Shape, class... P>
void run_kernel(const Shape& shape, void (*kernel)(P...), const std::tuple<P...>& values) {
  struct Invocation {
    void (*kernel)(P...);
    const std::tuple<P...>& values;
  } invocation{kernel, values};
  run_grid(
      shape,
      [](const void* context) {
        const auto& made = *static_cast<const Invocation*>(context);
        std::apply(made.kernel, made.values);
      },
      &invocation);
}

}  // namespace polder::kernels::emulated
