#include "polder/kernels/emulated/executor.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>
#include <numeric>
#include <string>
#include <vector>

#include "polder/core/error.h"
#include "polder/kernels/backend.h"
#include "polder/kernels/cpu/parallel.h"
#include "polder/kernels/emulated/report.h"
#include "polder/kernels/emulated/worker.h"

namespace polder::kernels::emulated {
namespace {

using machine::Task;
using machine::text;
using machine::this_worker;

/// For fewer blocks than this, waking another host thread costs more than it brings.
constexpr std::int64_t kBlocksOfAWorker = 4;

std::int64_t volume(const dim3& size) {
  return static_cast<std::int64_t>(size.x) * size.y * size.z;
}

/// Blocks of a cooperative launch that the machine holds at once.
std::int64_t resident_blocks(const Grid& grid) {
  constexpr std::size_t kPerMultiprocessor = std::size_t{228} * 1024;
  constexpr std::size_t kReservedPerBlock = 1024;
  const std::int64_t by_threads = kThreadsPerMultiprocessor / volume(grid.threads);
  const auto by_memory =
      static_cast<std::int64_t>(kPerMultiprocessor / (grid.shared_bytes + kReservedPerBlock));
  return kMultiprocessors *
         std::min({by_threads, by_memory, std::int64_t{kBlocksPerMultiprocessorLimit}});
}

/// Why a card would refuse the launch; empty when it would not.
std::string refusal(const Grid& grid) {
  const dim3& block = grid.threads;
  if (block.x > 1024 || block.y > 1024 || block.z > 64 || volume(block) < 1 || volume(block) > 1024)
    return fmt::format("a block of {} x {} x {} threads, wanted 1 to 1024 and at most 64 in z",
                       block.x, block.y, block.z);
  const dim3& blocks = grid.blocks;
  if (blocks.x > 0x7fffffffU || blocks.y > 65535 || blocks.z > 65535 || volume(blocks) < 1)
    return fmt::format(
        "a grid of {} x {} x {} blocks, wanted 1 to 2^31 - 1 in x, 1 to 65535 in y and z", blocks.x,
        blocks.y, blocks.z);
  if (grid.shared_bytes > kSharedBytes)
    return fmt::format("{} bytes of dynamic shared memory, a block has at most {}",
                       grid.shared_bytes, kSharedBytes);
  if (grid.cooperative && volume(blocks) > resident_blocks(grid))
    return fmt::format("{} blocks in a cooperative launch, the machine holds {} of them at once",
                       volume(blocks), resident_blocks(grid));
  if (machine::current_place != nullptr) return "a kernel cannot launch a kernel";
  return {};
}

[[noreturn]] void refuse(const std::string& reason, const std::source_location& where) {
  fail("emulated device: {}; launched at {}", reason, text(where));
}

uint3 unravel(std::int64_t rank, const dim3& size) {
  const std::int64_t row = rank / size.x;
  return {static_cast<unsigned>(rank % size.x), static_cast<unsigned>(row % size.y),
          static_cast<unsigned>(row / size.y)};
}

/// Hands out the blocks of a launch to the workers, and keeps the first failure.
class Schedule {
 public:
  Schedule(const Grid& grid, const Checks& checks) : size_(grid.blocks), count_(volume(size_)) {
    if (checks.order_seed == 0) return;
    order_.resize(static_cast<std::size_t>(count_));
    std::iota(order_.begin(), order_.end(), std::int64_t{0});
    machine::Shuffler(checks.order_seed).shuffle(std::span(order_));
  }

  /// The next position in the order; count() or more when there is none, or after a failure.
  std::int64_t take() { return failed_at_.load() < count_ ? count_ : next_.fetch_add(1); }
  std::int64_t count() const { return count_; }
  uint3 block(std::int64_t position) const {
    return unravel(order_.empty() ? position : order_[static_cast<std::size_t>(position)], size_);
  }

  /// Blocks before a failing one were all handed out before it, so the first failure of the order
  /// is found by any number of workers.
  void fail_at(std::int64_t position, const char* message) {
    const std::lock_guard lock(mutex_);
    if (position >= failed_at_.load()) return;
    failed_at_ = position;
    message_ = message;
  }
  const std::string& failure() const { return message_; }

 private:
  dim3 size_;
  std::int64_t count_;
  std::vector<std::int64_t> order_;  // empty: 0, 1, 2, ...
  std::atomic<std::int64_t> next_ = 0;
  std::atomic<std::int64_t> failed_at_ = std::numeric_limits<std::int64_t>::max();
  std::mutex mutex_;
  std::string message_;
};

void run_alone(const Task& task, Schedule& schedule) {
  machine::Worker& worker = this_worker();
  worker.start_launch(task);
  for (std::int64_t at = schedule.take(); at < schedule.count(); at = schedule.take()) try {
      worker.run_block(schedule.block(at));
    } catch (const Error& error) {
      schedule.fail_at(at, error.what());
    }
}

void run_together(const Task& task, Schedule& schedule) {
  std::vector<uint3> indices;
  for (std::int64_t at = 0; at < schedule.count(); ++at) indices.push_back(schedule.block(at));
  machine::Worker& worker = this_worker();
  worker.start_launch(task);
  try {
    worker.run_together(indices);
  } catch (const Error& error) {
    schedule.fail_at(0, error.what());
  }
}

}  // namespace

void run_grid(const Grid& grid, void (*body)(const void* context), const void* context) {
  if (const std::string reason = refusal(grid); !reason.empty()) refuse(reason, grid.where);
  const Checks checks = current_checks();
  const Task task{grid, checks, body, context};
  Schedule schedule(grid, checks);
  if (grid.cooperative) {
    run_together(task, schedule);
  } else {
    const std::int64_t workers = std::min<std::int64_t>(
        thread_count(), (schedule.count() + kBlocksOfAWorker - 1) / kBlocksOfAWorker);
    cpu::parallel_tasks(workers, [&](std::int64_t) { run_alone(task, schedule); });
  }
  if (!schedule.failure().empty()) refuse(schedule.failure(), grid.where);
}

void run_grid(const Launch& shape, void (*body)(const void* context), const void* context) {
  if (shape.blocks == 0) return;
  if (shape.blocks < 0 || shape.blocks > 0x7fffffff || shape.threads < 1)
    refuse(fmt::format("{} blocks of {} threads", shape.blocks, shape.threads), shape.where);
  run_grid(Grid{static_cast<unsigned>(shape.blocks), static_cast<unsigned>(shape.threads),
                shape.shared_bytes, shape.cooperative, shape.where},
           body, context);
}

}  // namespace polder::kernels::emulated
