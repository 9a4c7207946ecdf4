#include "polder/kernels/emulated/threads.h"

#include "polder/core/error.h"
#include "polder/kernels/emulated/report.h"
#include "polder/kernels/emulated/worker.h"

namespace polder::kernels::emulated::machine {
namespace {

Worker& worker_of(const Call& call) {
  if (current_place == nullptr) [[unlikely]]
    fail("emulated device: {} at {} is called outside a kernel", call.name, text(call.where));
  return *running_worker;
}

void check_mask(unsigned mask, const Call& call) {
  if (mask == 0xffffffffU) [[likely]]
    return;
  fail("{} at {}: mask {:#010x}, only the full mask is emulated", call.name, text(call.where),
       mask);
}

}  // namespace

int block_barrier(bool predicate, const Call& call) {
  return worker_of(call).meet_block(predicate, call);
}

void grid_barrier(const Call& call) { worker_of(call).meet_grid(call); }

const std::uint64_t* warp_exchange(unsigned mask, std::uint64_t bits, const Call& call) {
  check_mask(mask, call);
  return worker_of(call).exchange(bits, call);
}

unsigned warp_ballot(unsigned mask, bool predicate, const Call& call) {
  check_mask(mask, call);
  Worker& worker = worker_of(call);
  const unsigned lanes = worker.current()->warp->barrier.expected;
  const std::uint64_t* bits = worker.exchange(static_cast<std::uint64_t>(predicate), call);
  unsigned ballot = 0;
  for (unsigned lane = 0; lane < lanes; ++lane) ballot |= static_cast<unsigned>(bits[lane]) << lane;
  return ballot;
}

void report_shuffle(unsigned distance, int width, const Call& call) {
  fail("{} at {}: distance {} in groups of {}, wanted under 32 in groups of 1, 2, 4, ..., 32",
       call.name, text(call.where), distance, width);
}

void* shared_memory(const void* slot, std::size_t bytes) {
  return running_worker->current()->block->shared.array(slot, bytes);
}

DynamicShared dynamic_shared_memory() { return running_worker->current()->block->shared.dynamic(); }

void report_index(std::int64_t index, std::size_t size, const std::source_location& where) {
  fail("index {} in a shared array of {} elements at {}", index, size, text(where));
}

}  // namespace polder::kernels::emulated::machine
