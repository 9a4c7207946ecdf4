#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>

namespace polder::kernels {

/// Shape of a kernel launch, and the caller's line for messages. A launch of no blocks does
/// nothing.
struct Launch {
  std::int64_t blocks = 1;
  int threads = 256;
  std::size_t shared_bytes = 0;  // dynamic shared memory of a block
  /// All blocks are resident at once and may use grid_sync(); their number must fit the machine.
  bool cooperative = false;
  std::source_location where = std::source_location::current();
};

}  // namespace polder::kernels
