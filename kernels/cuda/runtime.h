#pragma once

#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "polder/core/allocator.h"
#include "polder/core/device.h"
#include "polder/kernels/cuda/launch_shape.h"

namespace polder::kernels::cuda {

/// Cards that the driver offers; 0 without a driver. Never throws.
int card_count();
/// What the driver says when asked for cards and it offers none.
std::string why_no_card();

/// One card: its stream, its size, its memory. Everything the back end does on the card is ordered
/// on this one stream, so that memory freed by the host may be reused at once.
class Runtime {
 public:
  /// Installs the allocator of the device cuda:index. Throws Error when there is no such card.
  explicit Runtime(int index);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  int index() const { return index_; }
  int multiprocessors() const { return multiprocessors_; }
  /// Largest dynamic shared memory of a block, in bytes.
  std::size_t shared_bytes() const { return shared_bytes_; }
  std::size_t cache_bytes() const { return cache_bytes_; }
  /// A cudaStream_t.
  void* stream() const { return stream_; }
  /// Sends what is asked from now on to another stream, and returns the one used so far: how the
  /// body of a branch is recorded.
  void* exchange_stream(void* stream) { return std::exchange(stream_, stream); }
  CachingAllocator& allocator() { return *allocator_; }
  /// On the card; see clock.cuh.
  std::int64_t* clock() const { return clock_; }
  /// "NVIDIA H200, compute 9.0, driver 13.0"
  std::string description() const;
  /// Waits for everything asked for so far. Throws Error when any of it failed.
  void synchronize(std::source_location where = std::source_location::current()) const;

  template <class... P>
  void launch(const Launch& shape, void (*kernel)(P...), std::tuple<P...>& values) {
    std::apply(
        [&](auto&... value) {
          void* pointers[sizeof...(P) + 1] = {static_cast<void*>(&value)...};
          launch_pointers(shape, reinterpret_cast<const void*>(kernel), pointers);
        },
        values);
  }

 private:
  void launch_pointers(const Launch& shape, const void* kernel, void** arguments);

  int index_ = 0;
  int multiprocessors_ = 0;
  std::size_t shared_bytes_ = 0;
  std::size_t cache_bytes_ = 0;
  void* stream_ = nullptr;
  CachingAllocator* allocator_ = nullptr;
  std::int64_t* clock_ = nullptr;
};

}  // namespace polder::kernels::cuda
