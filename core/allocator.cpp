#include "polder/core/allocator.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "polder/core/error.h"

namespace polder {
namespace {

/// Sizes are rounded up so that nearby requests share a free list: to a multiple of 64 bytes when
/// small, to an eighth of their power of two when large (at most 12.5 % waste).
std::size_t rounded(std::size_t bytes) {
  if (bytes <= 1024) return (bytes + 63) / 64 * 64;
  std::size_t step = 64;
  while (step * 16 < bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}

class CpuAllocator final : public Allocator {
 public:
  void* allocate(std::size_t bytes) override {
    const std::size_t size = rounded(bytes);
    const std::lock_guard lock(mutex_);
    void* block = take_free(size);
    if (block == nullptr) block = from_system(size);
    stats_.bytes_in_use += size;
    if (stats_.bytes_in_use > stats_.peak_bytes) stats_.peak_bytes = stats_.bytes_in_use;
    return block;
  }

  void release(void* block, std::size_t bytes) noexcept override {
    const std::size_t size = rounded(bytes);
    const std::lock_guard lock(mutex_);
    stats_.bytes_in_use -= size;
    free_[size].push_back(block);
  }

  AllocatorStats stats() const override {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

  void reset_peak() override {
    const std::lock_guard lock(mutex_);
    stats_.peak_bytes = stats_.bytes_in_use;
  }

  void copy_to_host(void* host, const void* device, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(host, device, bytes);
  }
  void copy_from_host(void* device, const void* host, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(device, host, bytes);
  }
  void copy_within(void* destination, const void* source, std::size_t bytes) override {
    if (bytes > 0) std::memmove(destination, source, bytes);
  }

 private:
  void* take_free(std::size_t size) {
    const auto found = free_.find(size);
    if (found == free_.end() || found->second.empty()) return nullptr;
    void* block = found->second.back();
    found->second.pop_back();
    return block;
  }

  void* from_system(std::size_t size) {
    ++stats_.system_calls;
    void* block = std::aligned_alloc(64, size);
    if (block == nullptr) {
      give_back_free_blocks();
      block = std::aligned_alloc(64, size);
    }
    require(block != nullptr, "cpu memory: {} bytes asked for, {} in use, none left", size,
            stats_.bytes_in_use);
    return block;
  }

  void give_back_free_blocks() {
    for (auto& [size, blocks] : free_)
      for (void* block : blocks) std::free(block);
    free_.clear();
  }

  mutable std::mutex mutex_;
  std::unordered_map<std::size_t, std::vector<void*>> free_;
  AllocatorStats stats_;
};

using DeviceKey = std::pair<DeviceType, int>;

std::map<DeviceKey, Allocator*>& installed() {
  // Never destroyed: tensors in static storage may outlive every other static object.
  static auto* cpu = new CpuAllocator;
  static auto* table = new std::map<DeviceKey, Allocator*>{{{DeviceType::cpu, 0}, cpu}};
  return *table;
}

}  // namespace

Allocator& allocator_of(Device device) {
  const auto found = installed().find({device.type, device.index});
  require(found != installed().end(), "device {}: not present in this program", device);
  return *found->second;
}

void install_allocator(Device device, Allocator& allocator) {
  installed()[{device.type, device.index}] = &allocator;
}

}  // namespace polder
