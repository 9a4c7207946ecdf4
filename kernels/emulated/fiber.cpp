#include "polder/kernels/emulated/fiber.h"

#include <sys/mman.h>

#include "polder/core/error.h"
#include "polder/kernels/emulated/sanitizer.h"
#include "polder/kernels/emulated/stack_switch.h"

namespace polder::kernels::emulated::machine {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kStackBytes = std::size_t{kAddressSanitizer ? 256 : 64} * 1024;
constexpr std::size_t kStacksPerSlab = 64;
/// Stacks with an inaccessible page below: each costs the process two of its 65530 mappings, so
/// only the blocks of ordinary launches get them.
constexpr std::size_t kGuardedStacks = 1024;

/// Who switched last: the one context whose stack nobody here allocated is a host thread's, and the
/// address sanitizer says where that is after it was left.
constinit thread_local Context* left = nullptr;

void arrive(void* fake_stack) {
  finish_switch(fake_stack, &left->stack_bottom, &left->stack_bytes);
}

/// Memory that costs nothing until it is touched, and then a page at a time.
std::byte* map_slab() {
  constexpr std::size_t kBytes = kStackBytes * kStacksPerSlab;
  void* slab = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  require(slab != MAP_FAILED, "emulated device: no memory for the stacks of {} more threads",
          kStacksPerSlab);
  madvise(slab, kBytes, MADV_NOHUGEPAGE);
  return static_cast<std::byte*>(slab);
}

}  // namespace

void switch_context(Context& from, Context& to) {
  left = &from;
  start_switch(&from.fake_stack, to.stack_bottom, to.stack_bytes);
  switch_stack(&from.saved, to.saved);
  arrive(from.fake_stack);
}

void enter_context() { arrive(nullptr); }

Fiber& FiberPool::make() {
  const std::size_t number = fibers_.size();
  if (number % kStacksPerSlab == 0) slabs_.push_back(map_slab());
  std::byte* bottom = slabs_.back() + number % kStacksPerSlab * kStackBytes;
  std::size_t bytes = kStackBytes;
  if (number < kGuardedStacks && mprotect(bottom, kPage, PROT_NONE) == 0) {
    bottom += kPage;
    bytes -= kPage;
  }
  // Stacks begin at different distances from a page's end: their hot ends share no cache sets.
  bytes -= number * 5 % 64 * 64;
  Fiber& fiber = fibers_.emplace_back();
  fiber.context.saved = prepare_stack(bottom, bytes, entry_);
  fiber.context.stack_bottom = bottom;
  fiber.context.stack_bytes = bytes;
  return fiber;
}

FiberPool::~FiberPool() {
  for (std::byte* slab : slabs_) {
    forget_stack(slab, kStackBytes * kStacksPerSlab);
    munmap(slab, kStackBytes * kStacksPerSlab);
  }
}

}  // namespace polder::kernels::emulated::machine
