#include "polder/kernels/cpu/scratch.h"

#include <array>
#include <optional>

#include "polder/core/buffer.h"

namespace polder::kernels::cpu {

void* thread_scratch(Scratch purpose, std::size_t bytes) {
  thread_local std::array<std::optional<Buffer>, 4> buffers;
  std::optional<Buffer>& buffer = buffers[static_cast<std::size_t>(purpose)];
  if (!buffer || buffer->bytes() < bytes) {
    buffer.reset();
    buffer.emplace(kCpu, bytes);
  }
  return buffer->data();
}

}  // namespace polder::kernels::cpu
