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

using machine::text;
using machine::this_worker;
using machine::Work;

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

/// Refuses what a card refuses.
void check_shape(const Grid& grid) {
  const auto wanted = [&](bool holds, const std::string& sentence) {
    if (!holds) fail("emulated device: {}; launched at {}", sentence, text(grid.where));
  };
  const std::int64_t threads = volume(grid.threads);
  wanted(threads >= 1 && threads <= 1024 && grid.threads.z <= 64,
         fmt::format("a block of {} x {} x {} threads, wanted 1 to 1024 and at most 64 in z",
                     grid.threads.x, grid.threads.y, grid.threads.z));
  wanted(volume(grid.blocks) >= 1 && grid.blocks.x <= 0x7fffffffU && grid.blocks.y <= 65535 &&
             grid.blocks.z <= 65535,
         fmt::format("a grid of {} x {} x {} blocks, wanted at least 1 and at most 2^31 - 1 in x, "
                     "65535 in y and z",
                     grid.blocks.x, grid.blocks.y, grid.blocks.z));
  wanted(grid.shared_bytes <= kSharedBytes,
         fmt::format("{} bytes of dynamic shared memory, a block has at most {}", grid.shared_bytes,
                     kSharedBytes));
  wanted(!grid.cooperative || volume(grid.blocks) <= resident_blocks(grid),
         fmt::format("{} blocks in a cooperative launch, the machine holds {} of this size at once",
                     volume(grid.blocks), resident_blocks(grid)));
  wanted(machine::current_place == nullptr, "a kernel cannot launch a kernel");
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

void run_alone(const Work& work, Schedule& schedule) {
  machine::Worker& worker = this_worker();
  worker.start_launch(work);
  for (std::int64_t at = schedule.take(); at < schedule.count(); at = schedule.take()) try {
      worker.run_block(schedule.block(at));
    } catch (const Error& error) {
      schedule.fail_at(at, error.what());
    }
}

void run_together(const Work& work, Schedule& schedule) {
  std::vector<uint3> indices;
  for (std::int64_t at = 0; at < schedule.count(); ++at) indices.push_back(schedule.block(at));
  machine::Worker& worker = this_worker();
  worker.start_launch(work);
  try {
    worker.run_together(indices);
  } catch (const Error& error) {
    schedule.fail_at(0, error.what());
  }
}

}  // namespace

void run_grid(const Grid& grid, void (*body)(const void* context), const void* context) {
  check_shape(grid);
  const Checks checks = current_checks();
  const Work work{grid, checks, body, context};
  Schedule schedule(grid, checks);
  if (grid.cooperative) {
    run_together(work, schedule);
  } else {
    const std::int64_t workers = std::min<std::int64_t>(
        thread_count(), (schedule.count() + kBlocksOfAWorker - 1) / kBlocksOfAWorker);
    cpu::parallel_tasks(workers, [&](std::int64_t) { run_alone(work, schedule); });
  }
  if (!schedule.failure().empty())
    fail("emulated device: {}; launched at {}", schedule.failure(), text(grid.where));
}

void run_grid(const Launch& shape, void (*body)(const void* context), const void* context) {
  if (shape.blocks == 0) return;
  require(shape.blocks > 0 && shape.blocks <= 0x7fffffff && shape.threads >= 1,
          "emulated device: {} blocks of {} threads; launched at {}", shape.blocks, shape.threads,
          text(shape.where));
  run_grid(Grid{static_cast<unsigned>(shape.blocks), static_cast<unsigned>(shape.threads),
                shape.shared_bytes, shape.cooperative, shape.where},
           body, context);
}

}  // namespace polder::kernels::emulated
