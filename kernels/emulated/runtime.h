#pragma once

#include <tuple>

#include "polder/kernels/emulated/executor.h"

namespace polder::kernels::emulated {

/// The emulated device as its kernels' host code sees it: the same questions as of a card. Work is
/// done when `launch` returns.
class Runtime {
 public:
  /// Installs the allocator of the device `emulated`.
  Runtime();

  int multiprocessors() const { return kMultiprocessors; }
  std::size_t shared_bytes() const { return kSharedBytes; }
  std::size_t cache_bytes() const { return std::size_t{1} << 20; }

  template <class... P>
  void launch(const Launch& shape, void (*kernel)(P...), std::tuple<P...>& values) {
    run_kernel(shape, kernel, values);
  }
};

}  // namespace polder::kernels::emulated
