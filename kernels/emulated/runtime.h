#pragma once

#include <functional>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "polder/core/allocator.h"
#include "polder/kernels/emulated/executor.h"

namespace polder::kernels::emulated {

/// Pieces of work in the order asked for.
using Work = std::vector<std::function<void()>>;

/// The emulated device as its kernels' host code sees it: the same questions as of a card. Work is
/// done when `launch` or `submit` returns, or kept for later while a recording is open.
class Runtime {
 public:
  /// Installs the allocator of the device `emulated`.
  Runtime();

  int multiprocessors() const { return multiprocessors_; }
  /// From now on grids are those of a smaller machine, of 1 to kMultiprocessors.
  void set_multiprocessors(int count) { multiprocessors_ = count; }
  std::size_t shared_bytes() const { return kSharedBytes; }
  std::size_t cache_bytes() const { return std::size_t{1} << 20; }
  CachingAllocator& allocator() { return *allocator_; }
  /// See clock.cuh.
  std::int64_t* clock() { return &clock_; }

  template <class... P>
  void launch(const Launch& shape, void (*kernel)(P...), std::tuple<P...>& values) {
    if (recording_ == nullptr) return run_kernel(shape, kernel, values);
    recording_->push_back([=] { run_kernel(shape, kernel, values); });
  }
  /// Any other work of the device: copies, library calls.
  template <class F>
  void submit(F&& work) {
    if (recording_ == nullptr) return work();
    recording_->emplace_back(std::forward<F>(work));
  }

  /// Keeps work in `recording` from now on instead of doing it, does it again when null; returns
  /// where it was kept so far.
  Work* exchange_recording(Work* recording) { return std::exchange(recording_, recording); }
  bool is_recording() const { return recording_ != nullptr; }

 private:
  CachingAllocator* allocator_ = nullptr;
  int multiprocessors_ = kMultiprocessors;
  std::int64_t clock_ = 0;
  Work* recording_ = nullptr;
};

}  // namespace polder::kernels::emulated
