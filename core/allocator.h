#pragma once

#include <cstddef>
#include <cstdint>

#include "polder/core/device.h"

namespace polder {

/// What a device's allocator has done so far. `system_calls` counts requests that reached the
/// operating system or driver: a training step in steady state adds none.
struct AllocatorStats {
  std::uint64_t system_calls = 0;
  std::size_t bytes_in_use = 0;
  std::size_t peak_bytes = 0;
};

/// Source of memory for tensors on one device. Keeps freed blocks for reuse. Thread-safe.
class Allocator {
 public:
  virtual ~Allocator() = default;
  /// At least `bytes` bytes, aligned to 64. Contents are unspecified.
  /// Throws Error naming the size asked for and the size in use when memory runs out.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void release(void* block, std::size_t bytes) noexcept = 0;
  virtual AllocatorStats stats() const = 0;
  /// Forgets the peak: it becomes the bytes in use now.
  virtual void reset_peak() = 0;

  virtual void copy_to_host(void* host, const void* device, std::size_t bytes) = 0;
  virtual void copy_from_host(void* device, const void* host, std::size_t bytes) = 0;
  virtual void copy_within(void* destination, const void* source, std::size_t bytes) = 0;
};

/// The allocator of a device. Throws Error when this program has none for it.
Allocator& allocator_of(Device device);
/// Makes `allocator` serve `device`; it must outlive every tensor. Called once by a back end.
void install_allocator(Device device, Allocator& allocator);

}  // namespace polder
