#include "polder/data/prefetcher.h"

#include <utility>

namespace polder::data {

Prefetcher::Prefetcher(int depth, std::function<Batch()> make_room,
                       std::function<void(Batch&)> fill)
    : make_room_(std::move(make_room)), fill_(std::move(fill)) {
  for (int i = 0; i < depth; ++i) slots_.push_back(make_room_());
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

Batch Prefetcher::next() {
  Batch room = make_room_();
  std::unique_lock lock(mutex_);
  filled_.wait(lock, [this] { return ready_ > 0 || failure_ != nullptr; });
  if (ready_ == 0) std::rethrow_exception(failure_);
  Batch batch = std::exchange(slots_[head_], std::move(room));
  head_ = (head_ + 1) % slots_.size();
  --ready_;
  emptied_.notify_one();
  return batch;
}

void Prefetcher::work(const std::stop_token& stop) {
  try {
    for (std::size_t slot = 0;; slot = (slot + 1) % slots_.size()) {
      {
        std::unique_lock lock(mutex_);
        emptied_.wait(lock, stop, [this] { return ready_ < slots_.size(); });
        if (stop.stop_requested()) return;
      }
      // Without the lock: an empty slot belongs to this thread.
      fill_(slots_[slot]);
      const std::lock_guard lock(mutex_);
      ++ready_;
      filled_.notify_one();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    filled_.notify_one();
  }
}

}  // namespace polder::data
