#pragma once

#include <tuple>

#include "polder/kernels/cuda/launch_shape.h"
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
    struct Call {
      void (*kernel)(P...);
      const std::tuple<P...>& values;
    } call{kernel, values};
    run_grid(
        shape,
        [](const void* context) {
          const auto& made = *static_cast<const Call*>(context);
          std::apply(made.kernel, made.values);
        },
        &call);
  }

 private:
  static constexpr int kMultiprocessors = 4;
  static constexpr std::size_t kSharedBytes = std::size_t{227} * 1024;
};

}  // namespace polder::kernels::emulated
