#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "polder/kernels/emulated/executor.h"
#include "polder/kernels/emulated/fiber.h"
#include "polder/kernels/emulated/shared_array.h"

namespace polder::kernels::emulated::machine {

/// Where `expected` threads meet.
struct Barrier {
  unsigned expected = 0;
  unsigned arrived = 0;
  const Call* call = nullptr;  // of the first that came
  bool mixed = false;          // some came from another line of the kernel
  FiberList waiting;

  void reset(unsigned threads);
};

struct Warp {
  Barrier barrier;
  /// Two sets in turn: a lane that is late to read the last exchange may be overtaken by one.
  std::array<std::array<std::uint64_t, kWarpSize>, 2> values{};
  unsigned turn = 0;
};

/// The shared memory of one block: an array for each declaration, and the dynamic one. Kept from
/// block to block of a launch. Each is an allocation of its own, so that the address sanitizer sees
/// where it ends.
class SharedMemory {
 public:
  void start_launch(std::size_t dynamic_bytes, bool poison);
  void start_block() { ++generation_; }
  void* array(const void* slot, std::size_t bytes);
  DynamicShared dynamic();

 private:
  struct Release {
    void operator()(std::byte* data) const;
  };
  struct Slot {
    const void* key = nullptr;
    std::size_t bytes = 0;
    std::unique_ptr<std::byte[], Release> data;
    std::uint64_t generation = 0;  // the block that it was made ready for
  };
  static Slot make(const void* key, std::size_t bytes);
  void* ready(Slot& slot) const;

  bool poison_ = true;
  std::uint64_t generation_ = 0;
  std::size_t declared_bytes_ = 0;
  Slot dynamic_;
  std::vector<Slot> slots_;
};

/// A block of threads that is being run.
struct Block {
  BlockPlace place;
  unsigned threads = 0;
  unsigned started = 0;
  unsigned returned = 0;
  Barrier barrier;
  unsigned votes = 0;    // at the barrier that is filling
  unsigned counted = 0;  // at the last one that opened
  std::vector<Warp> warps;
  std::vector<unsigned> order;  // in which threads start; empty: by their number
  SharedMemory shared;

  void start_launch(const Grid& grid, const Checks& checks);
  void start(uint3 index);
  /// Lets `fiber` be the next thread that has not started.
  void start_thread(Fiber& fiber);
};

}  // namespace polder::kernels::emulated::machine
