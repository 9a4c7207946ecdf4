#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "polder/core/batch.h"

namespace polder::data {

/// Hands out batches in the order in which one background thread fills them, at most `depth` ahead.
/// All memory is drawn by the caller's thread, one batch a next(), so that what the allocator sees
/// does not depend on how the two threads interleave.
class Prefetcher {
 public:
  /// `make_room` gives a batch to fill and runs on the caller's thread; `fill` runs on the other.
  Prefetcher(int depth, std::function<Batch()> make_room, std::function<void(Batch&)> fill);

  /// Rethrows the exception that ended the thread, once the batches filled before are handed out.
  Batch next();

 private:
  void work(const std::stop_token& stop);

  std::function<Batch()> make_room_;
  std::function<void(Batch&)> fill_;
  std::vector<Batch> slots_;  // a ring: `ready_` filled batches from `head_` on
  std::size_t head_ = 0;
  std::size_t ready_ = 0;
  std::exception_ptr failure_;
  std::mutex mutex_;
  std::condition_variable_any filled_, emptied_;
  std::jthread thread_;  // last: it must stop before the rest goes
};

}  // namespace polder::data
