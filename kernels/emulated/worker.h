#pragma once

#include <exception>
#include <span>
#include <string>
#include <vector>

#include "polder/kernels/emulated/block.h"
#include "polder/kernels/emulated/shuffler.h"

namespace polder::kernels::emulated::machine {

/// What one launch asks of every worker.
struct Task {
  const Grid& grid;
  const Checks& checks;
  void (*body)(const void* context);
  const void* context;
};

/// Runs blocks on one host thread: a scheduler of fibers.
///
/// A fiber runs threads that have not started, one after the other; only when a thread waits at a
/// barrier does another fiber go on, one whose barrier has opened if there is one. When nobody can
/// go on and threads are left, they wait for ever: an error.
class Worker {
 public:
  Worker() : pool_(&run_fiber) {}

  void start_launch(const Task& task);
  /// Runs one block of the launch. Throws Error when it fails.
  void run_block(const uint3& index);
  /// Runs all blocks of a cooperative launch together, starting them in the given order.
  void run_together(std::span<const uint3> indices);

  // Called by the threads of a kernel.
  int meet_block(bool predicate, const Call& call);
  void meet_grid(const Call& call);
  const std::uint64_t* exchange(std::uint64_t bits, const Call& call);
  /// The fiber that runs now; null when the host does.
  Fiber* current() { return current_; }

 private:
  struct Cancelled {};

  [[noreturn]] static void run_fiber() noexcept;
  void start_order(Block& block);
  Block* next_block();
  bool run_thread(Fiber& fiber);
  bool meet(Barrier& barrier, const Call& call);
  void open(Barrier& barrier);
  void suspend();
  void go(Context& from, Fiber* to);
  void shuffle(FiberList& list);
  void finish();
  std::string describe_failure();
  void cancel();
  void cancel(FiberList& list);

  const Task* task_ = nullptr;
  std::vector<Block> blocks_;
  std::span<Block> alive_;
  std::size_t next_ = 0;  // of the living blocks, the first that has threads to start
  Barrier grid_;
  FiberList ready_;
  Fiber* current_ = nullptr;
  Context host_;
  FiberPool pool_;
  Shuffler shuffler_;
  std::vector<Fiber*> shuffled_;
  std::exception_ptr failure_;
  ThreadPlace failed_;
  bool cancelling_ = false;
};

/// The worker whose kernel threads this host thread runs.
extern constinit thread_local Worker* running_worker;
/// The worker of this host thread, made when it first asks.
Worker& this_worker();

}  // namespace polder::kernels::emulated::machine
