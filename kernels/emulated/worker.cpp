#include "polder/kernels/emulated/worker.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "polder/core/error.h"
#include "polder/kernels/emulated/report.h"

namespace polder::kernels::emulated::machine {
constinit thread_local const ThreadPlace* current_place = nullptr;
constinit thread_local Worker* running_worker = nullptr;

Worker& this_worker() {
  thread_local Worker worker;
  return worker;
}

void Worker::start_launch(const Task& task) {
  task_ = &task;
  const dim3& size = task.grid.blocks;
  const std::size_t together =
      task.grid.cooperative ? std::size_t{size.x} * size.y * size.z : std::size_t{1};
  blocks_.resize(together);
  for (Block& block : blocks_) block.start_launch(task.grid, task.checks);
}

void Worker::run_block(const uint3& index) { run_together({&index, 1}); }

void Worker::run_together(std::span<const uint3> indices) {
  alive_ = std::span(blocks_).first(indices.size());
  const dim3& size = task_->grid.blocks;
  const uint3& first = indices.front();
  shuffler_ = Shuffler(task_->checks.order_seed +
                       (std::uint64_t{first.z} * size.y + first.y) * size.x + first.x);
  for (std::size_t b = 0; b < alive_.size(); ++b) {
    alive_[b].start(indices[b]);
    if (task_->checks.order_seed != 0) start_order(alive_[b]);
  }
  grid_.reset(alive_.front().threads * static_cast<unsigned>(alive_.size()));
  next_ = 0;
  running_worker = this;
  go(host_, &pool_.take());
  finish();
}

/// The order in which the threads of a block start: warps shuffled, and the lanes of each.
void Worker::start_order(Block& block) {
  block.order.clear();
  std::vector<unsigned> warps(block.warps.size());
  std::iota(warps.begin(), warps.end(), 0U);
  shuffler_.shuffle(std::span(warps));
  for (const unsigned warp : warps) {
    const std::size_t before = block.order.size();
    const unsigned begin = warp * kWarpSize;
    for (unsigned rank = begin; rank < begin + block.warps[warp].barrier.expected; ++rank)
      block.order.push_back(rank);
    shuffler_.shuffle(std::span(block.order).subspan(before));
  }
}

/// The living block whose turn it is to start a thread; null when all threads have started.
Block* Worker::next_block() {
  for (; next_ < alive_.size(); ++next_)
    if (alive_[next_].started < alive_[next_].threads) return &alive_[next_];
  return nullptr;
}

/// Leaves for `to`, for the host when it is null. Back when somebody comes here again.
void Worker::go(Context& from, Fiber* to) {
  current_ = to;
  current_place = to == nullptr ? nullptr : &to->place;
  switch_context(from, to == nullptr ? host_ : to->context);
}

void Worker::run_fiber() noexcept {
  enter_context();
  Worker& worker = *running_worker;
  for (;;) {
    Fiber& fiber = *worker.current_;
    bool unharmed = true;
    while (unharmed && worker.ready_.empty()) {
      Block* block = worker.next_block();
      if (block == nullptr) break;
      block->start_thread(fiber);
      unharmed = worker.run_thread(fiber);
    }
    worker.pool_.give_back(fiber);
    worker.go(fiber.context, unharmed ? worker.ready_.pop() : nullptr);
  }
}

/// False when the launch ends here: the thread threw, or was cancelled.
bool Worker::run_thread(Fiber& fiber) {
  try {
    task_->body(task_->context);
    ++fiber.block->returned;
    return !cancelling_;
  } catch (const Cancelled&) {
  } catch (...) {
    failure_ = std::current_exception();
    failed_ = fiber.place;
  }
  return false;
}

/// Lets the thread wait: goes on with a fiber whose barrier has opened, or else with a thread that
/// has not started, or else with the host, where nobody is left to run.
void Worker::suspend() {
  Fiber& self = *current_;
  Fiber* next = ready_.pop();
  if (next == nullptr && next_block() != nullptr) next = &pool_.take();
  go(self.context, next);
  if (cancelling_) throw Cancelled{};
}

/// True in the thread that comes last and opens the barrier: it goes on at once.
bool Worker::meet(Barrier& barrier, const Call& call) {
  if (cancelling_) throw Cancelled{};
  current_->call = &call;
  if (barrier.arrived == 0)
    barrier.call = &call;
  else if (!is_same_line(*barrier.call, call))
    barrier.mixed = true;
  if (++barrier.arrived < barrier.expected) {
    barrier.waiting.push(*current_);
    suspend();
    return false;
  }
  if (barrier.mixed) fail("{}", describe_mixed(barrier, *current_));
  open(barrier);
  return true;
}

void Worker::open(Barrier& barrier) {
  barrier.arrived = 0;
  if (task_->checks.order_seed != 0) shuffle(barrier.waiting);
  ready_.append(barrier.waiting);
}

void Worker::shuffle(FiberList& list) {
  shuffled_.clear();
  while (Fiber* fiber = list.pop()) shuffled_.push_back(fiber);
  shuffler_.shuffle(std::span(shuffled_));
  for (Fiber* fiber : shuffled_) list.push(*fiber);
}

int Worker::meet_block(bool predicate, const Call& call) {
  Block& block = *current_->block;
  block.votes += static_cast<unsigned>(predicate);
  if (meet(block.barrier, call)) {
    block.counted = block.votes;
    block.votes = 0;
  }
  return static_cast<int>(block.counted);
}

void Worker::meet_grid(const Call& call) {
  if (!task_->grid.cooperative)
    fail("grid_sync at {}: the launch is not cooperative", text(call.where));
  meet(grid_, call);
}

const std::uint64_t* Worker::exchange(std::uint64_t bits, const Call& call) {
  Warp& warp = *current_->warp;
  auto& values = warp.values[warp.turn];
  values[current_->place.lane] = bits;
  if (meet(warp.barrier, call)) warp.turn ^= 1;
  return values.data();
}

/// After the last switch to the host: all is done, or a thread threw, or nobody can go on.
void Worker::finish() {
  const bool done = std::all_of(alive_.begin(), alive_.end(),
                                [](const Block& block) { return block.returned == block.threads; });
  if (done) return;
  const std::string reason =
      failure_ == nullptr ? describe_stuck(alive_, grid_) : describe_failure();
  cancel();
  fail("{}", reason);
}

std::string Worker::describe_failure() {
  const std::exception_ptr failure = std::exchange(failure_, nullptr);
  const std::string who =
      fmt::format("thread {} of block {}", text(failed_.index), text(failed_.block->index));
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return fmt::format("{}: {}", who, error.what());
  } catch (...) {
    return who + ": an exception that is no std::exception";
  }
}

/// Unwinds the stacks of all threads that wait.
void Worker::cancel() {
  cancelling_ = true;
  cancel(ready_);
  cancel(grid_.waiting);
  for (Block& block : alive_) {
    cancel(block.barrier.waiting);
    for (Warp& warp : block.warps) cancel(warp.barrier.waiting);
  }
  cancelling_ = false;
}

void Worker::cancel(FiberList& list) {
  while (Fiber* fiber = list.pop()) go(host_, fiber);
}

}  // namespace polder::kernels::emulated::machine
