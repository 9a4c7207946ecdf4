#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

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
  virtual void zero(void* device, std::size_t bytes) = 0;
};

/// Where a caching allocator gets its memory from, and how that memory is copied.
class MemorySource {
 public:
  virtual ~MemorySource() = default;
  /// `bytes` bytes, aligned to 64, or null when there are none left.
  virtual void* take(std::size_t bytes) = 0;
  virtual void give_back(void* block) noexcept = 0;
  /// For the message when memory runs out: "cuda:0 memory: 12 MB free of 80 GB".
  virtual std::string describe() const = 0;

  virtual void copy_to_host(void* host, const void* device, std::size_t bytes) = 0;
  virtual void copy_from_host(void* device, const void* host, std::size_t bytes) = 0;
  virtual void copy_within(void* destination, const void* source, std::size_t bytes) = 0;
  virtual void zero(void* device, std::size_t bytes) = 0;
};

/// Memory of the host: the source of the devices that compute there.
class HostMemory final : public MemorySource {
 public:
  explicit HostMemory(std::string name) : name_(std::move(name)) {}
  void* take(std::size_t bytes) override;
  void give_back(void* block) noexcept override;
  std::string describe() const override { return name_; }
  void copy_to_host(void* host, const void* device, std::size_t bytes) override;
  void copy_from_host(void* device, const void* host, std::size_t bytes) override;
  void copy_within(void* destination, const void* source, std::size_t bytes) override;
  void zero(void* device, std::size_t bytes) override;

 private:
  std::string name_;
};

/// Keeps released blocks and hands them out again: a training step in steady state makes no system
/// call. A recording of work on a device (kernels/recording.h) reserves the blocks it uses: they
/// are written again at every replay. Built with the address sanitizer it closes the memory past
/// the bytes asked for, and released blocks, so that touching either is reported.
class CachingAllocator final : public Allocator {
 public:
  /// The source must outlive the allocator.
  explicit CachingAllocator(MemorySource& source);
  ~CachingAllocator() override;
  void* allocate(std::size_t bytes) override;
  void release(void* block, std::size_t bytes) noexcept override;
  AllocatorStats stats() const override;
  void reset_peak() override;
  void copy_to_host(void* host, const void* device, std::size_t bytes) override;
  void copy_from_host(void* device, const void* host, std::size_t bytes) override;
  void copy_within(void* destination, const void* source, std::size_t bytes) override;
  void zero(void* device, std::size_t bytes) override;

  /// Blocks that one recording uses over and over. From `open_reservation` to `close_reservation`
  /// every block handed out belongs to it and, once released, is handed out again within it only.
  /// When the reservation is destroyed, its blocks become ordinary ones.
  class Reservation;
  /// Throws Error while another one is open.
  std::shared_ptr<Reservation> open_reservation();
  void close_reservation();

 private:
  struct Blocks;
  void* from_source(std::size_t asked, std::size_t size);

  MemorySource& source_;
  std::shared_ptr<Blocks> blocks_;  // shared with reservations
};

/// The allocator of a device. Throws Error when this program has none for it.
Allocator& allocator_of(Device device);
/// Called when a device is first asked for, to open it: its back end installs an allocator there.
void set_device_opener(void (*open)(Device device));
/// Makes `allocator` serve `device`; it must outlive every tensor. Called once by a back end.
void install_allocator(Device device, Allocator& allocator);

}  // namespace polder
