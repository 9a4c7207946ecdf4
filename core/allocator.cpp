#include "polder/core/allocator.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "polder/core/error.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

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

#ifdef __SANITIZE_ADDRESS__
void open_memory(const void* begin, std::size_t bytes) {
  ASAN_UNPOISON_MEMORY_REGION(begin, bytes);
}
void close_memory(const void* begin, std::size_t bytes) { ASAN_POISON_MEMORY_REGION(begin, bytes); }
#else
void open_memory(const void*, std::size_t) {}
void close_memory(const void*, std::size_t) {}
#endif

using DeviceKey = std::pair<DeviceType, int>;

void (*open_device)(Device device) = nullptr;

std::map<DeviceKey, Allocator*>& installed() {
  // Never destroyed: tensors in static storage may outlive every other static object.
  static auto* memory = new HostMemory("cpu memory");
  static auto* cpu = new CachingAllocator(*memory);
  static auto* table = new std::map<DeviceKey, Allocator*>{{{DeviceType::cpu, 0}, cpu}};
  return *table;
}

}  // namespace

void* HostMemory::take(std::size_t bytes) { return std::aligned_alloc(64, bytes); }

void HostMemory::give_back(void* block) noexcept { std::free(block); }

void HostMemory::copy_to_host(void* host, const void* device, std::size_t bytes) {
  if (bytes > 0) std::memcpy(host, device, bytes);
}

void HostMemory::copy_from_host(void* device, const void* host, std::size_t bytes) {
  if (bytes > 0) std::memcpy(device, host, bytes);
}

void HostMemory::copy_within(void* destination, const void* source, std::size_t bytes) {
  if (bytes > 0) std::memmove(destination, source, bytes);
}

void HostMemory::zero(void* device, std::size_t bytes) {
  if (bytes > 0) std::memset(device, 0, bytes);
}

namespace {

/// Released blocks by size.
class FreeList {
 public:
  void* take(std::size_t size) {
    const auto found = blocks_.find(size);
    if (found == blocks_.end() || found->second.empty()) return nullptr;
    void* block = found->second.back();
    found->second.pop_back();
    return block;
  }

  void add(std::size_t size, void* block) { blocks_[size].push_back(block); }

  void append(const FreeList& other) {
    for (const auto& [size, blocks] : other.blocks_)
      for (void* block : blocks) add(size, block);
  }

  void give_back(MemorySource& source) {
    for (auto& [size, blocks] : blocks_)
      for (void* block : blocks) {
        open_memory(block, size);
        source.give_back(block);
      }
    blocks_.clear();
  }

 private:
  std::unordered_map<std::size_t, std::vector<void*>> blocks_;
};

}  // namespace

struct CachingAllocator::Blocks {
  std::mutex mutex;
  AllocatorStats stats;
  FreeList free;
  std::unordered_map<void*, Reservation*> reserved;  // who a reserved block belongs to
  Reservation* open = nullptr;
};

class CachingAllocator::Reservation {
 public:
  explicit Reservation(std::shared_ptr<Blocks> blocks) : blocks_(std::move(blocks)) {}
  ~Reservation() {
    const std::lock_guard lock(blocks_->mutex);
    if (blocks_->open == this) blocks_->open = nullptr;
    std::erase_if(blocks_->reserved, [this](const auto& entry) { return entry.second == this; });
    blocks_->free.append(free);
  }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  FreeList free;

 private:
  std::shared_ptr<Blocks> blocks_;
};

CachingAllocator::CachingAllocator(MemorySource& source)
    : source_(source), blocks_(std::make_shared<Blocks>()) {}

CachingAllocator::~CachingAllocator() { blocks_->free.give_back(source_); }

void* CachingAllocator::allocate(std::size_t bytes) {
  const std::size_t size = rounded(bytes);
  const std::lock_guard lock(blocks_->mutex);
  Reservation* owner = blocks_->open;
  void* block = (owner != nullptr ? owner->free : blocks_->free).take(size);
  if (block == nullptr) block = from_source(bytes, size);
  if (owner != nullptr) blocks_->reserved[block] = owner;
  AllocatorStats& stats = blocks_->stats;
  stats.bytes_in_use += size;
  if (stats.bytes_in_use > stats.peak_bytes) stats.peak_bytes = stats.bytes_in_use;
  open_memory(block, size);
  // A reserved block has had other tenants, who write it again at every replay.
  if (owner == nullptr) close_memory(static_cast<std::byte*>(block) + bytes, size - bytes);
  return block;
}

void CachingAllocator::release(void* block, std::size_t bytes) noexcept {
  const std::size_t size = rounded(bytes);
  const std::lock_guard lock(blocks_->mutex);
  blocks_->stats.bytes_in_use -= size;
  const auto owner = blocks_->reserved.find(block);
  if (owner != blocks_->reserved.end()) return owner->second->free.add(size, block);
  close_memory(block, size);  // a reserved block stays open: replays write it
  blocks_->free.add(size, block);
}

std::shared_ptr<CachingAllocator::Reservation> CachingAllocator::open_reservation() {
  auto reservation = std::make_shared<Reservation>(blocks_);
  const std::lock_guard lock(blocks_->mutex);
  require(blocks_->open == nullptr, "{}: a reservation is open already", source_.describe());
  blocks_->open = reservation.get();
  return reservation;
}

void CachingAllocator::close_reservation() {
  const std::lock_guard lock(blocks_->mutex);
  blocks_->open = nullptr;
}

void* CachingAllocator::from_source(std::size_t asked, std::size_t size) {
  ++blocks_->stats.system_calls;
  void* block = source_.take(size);
  if (block == nullptr) {
    blocks_->free.give_back(source_);
    block = source_.take(size);
  }
  require(block != nullptr, "{}: {} bytes asked for, {} in use, none left", source_.describe(),
          asked, blocks_->stats.bytes_in_use);
  return block;
}

AllocatorStats CachingAllocator::stats() const {
  const std::lock_guard lock(blocks_->mutex);
  return blocks_->stats;
}

void CachingAllocator::reset_peak() {
  const std::lock_guard lock(blocks_->mutex);
  blocks_->stats.peak_bytes = blocks_->stats.bytes_in_use;
}

void CachingAllocator::copy_to_host(void* host, const void* device, std::size_t bytes) {
  source_.copy_to_host(host, device, bytes);
}

void CachingAllocator::copy_from_host(void* device, const void* host, std::size_t bytes) {
  source_.copy_from_host(device, host, bytes);
}

void CachingAllocator::copy_within(void* destination, const void* source, std::size_t bytes) {
  source_.copy_within(destination, source, bytes);
}

void CachingAllocator::zero(void* device, std::size_t bytes) { source_.zero(device, bytes); }

Allocator& allocator_of(Device device) {
  auto found = installed().find({device.type, device.index});
  if (found == installed().end() && open_device != nullptr) {
    open_device(device);
    found = installed().find({device.type, device.index});
  }
  require(found != installed().end(), "device {}: not present in this program", device);
  return *found->second;
}

void set_device_opener(void (*open)(Device device)) { open_device = open; }

void install_allocator(Device device, Allocator& allocator) {
  installed()[{device.type, device.index}] = &allocator;
}

}  // namespace polder
