#include "polder/kernels/emulated/block.h"

#include <cstring>
#include <new>

#include "polder/core/error.h"

namespace polder::kernels::emulated::machine {
namespace {

constexpr std::align_val_t kAlignment{128};
constexpr int kPoison = 0xff;

unsigned volume(const dim3& size) { return size.x * size.y * size.z; }

uint3 unravel(unsigned rank, const dim3& size) {
  if (size.y * size.z == 1) return {rank, 0, 0};
  return {rank % size.x, rank / size.x % size.y, rank / (size.x * size.y)};
}

}  // namespace

void Barrier::reset(unsigned threads) {
  *this = Barrier{};
  expected = threads;
}

void SharedMemory::Release::operator()(std::byte* data) const {
  ::operator delete[](data, kAlignment);
}

SharedMemory::Slot SharedMemory::make(const void* key, std::size_t bytes) {
  auto* data = static_cast<std::byte*>(::operator new[](bytes, kAlignment));
  std::memset(data, 0, bytes);
  return {key, bytes, std::unique_ptr<std::byte[], Release>(data)};
}

void SharedMemory::start_launch(std::size_t dynamic_bytes, bool poison) {
  poison_ = poison;
  declared_bytes_ = 0;
  slots_.clear();
  dynamic_ = make(nullptr, dynamic_bytes);
  generation_ = 0;
}

void* SharedMemory::ready(Slot& slot) const {
  if (slot.generation != generation_) {
    slot.generation = generation_;
    if (poison_) std::memset(slot.data.get(), kPoison, slot.bytes);
  }
  return slot.data.get();
}

void* SharedMemory::array(const void* slot, std::size_t bytes) {
  for (Slot& known : slots_)
    if (known.key == slot) return ready(known);
  declared_bytes_ += bytes;
  require(declared_bytes_ <= kStaticSharedBytes,
          "{} bytes of shared memory declared, a block has at most {}", declared_bytes_,
          kStaticSharedBytes);
  require(declared_bytes_ + dynamic_.bytes <= kSharedBytes,
          "{} bytes of shared memory declared and {} dynamic, a block has at most {}",
          declared_bytes_, dynamic_.bytes, kSharedBytes);
  return ready(slots_.emplace_back(make(slot, bytes)));
}

DynamicShared SharedMemory::dynamic() { return {ready(dynamic_), dynamic_.bytes}; }

void Block::start_launch(const Grid& grid, const Checks& checks) {
  place.threads = grid.threads;
  place.blocks = grid.blocks;
  threads = volume(grid.threads);
  warps.resize((threads + kWarpSize - 1) / kWarpSize);
  if (threads % kWarpSize != 0)
    for (auto& values : warps.back().values) values.fill(~std::uint64_t{0});
  order.clear();
  shared.start_launch(grid.shared_bytes, checks.poison_shared);
}

void Block::start(uint3 index) {
  place.index = index;
  started = returned = votes = counted = 0;
  barrier.reset(threads);
  for (std::size_t w = 0; w < warps.size(); ++w) {
    const unsigned before = static_cast<unsigned>(w) * kWarpSize;
    warps[w].barrier.reset(std::min<unsigned>(kWarpSize, threads - before));
  }
  shared.start_block();
}

void Block::start_thread(Fiber& fiber) {
  const unsigned rank = order.empty() ? started : order[started];
  ++started;
  fiber.block = this;
  fiber.warp = &warps[rank / kWarpSize];
  fiber.place = {unravel(rank, place.threads), rank % kWarpSize, &place};
}

}  // namespace polder::kernels::emulated::machine
