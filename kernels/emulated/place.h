#pragma once

/// Three unsigned numbers, as CUDA has them.
struct uint3 {
  unsigned x, y, z;
};

/// Extents of a grid or a block; those not given are 1.
struct dim3 {
  unsigned x, y, z;
  // NOLINTNEXTLINE(google-explicit-constructor): as in CUDA
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

namespace polder::kernels::emulated::machine {

inline constexpr int kWarpSize = 32;

struct BlockPlace {
  uint3 index{};
  dim3 threads;  // blockDim
  dim3 blocks;   // gridDim
};

struct ThreadPlace {
  uint3 index{};
  unsigned lane = 0;  // within the warp
  const BlockPlace* block = nullptr;
};

/// The kernel thread that this host thread runs now; null outside a kernel.
extern constinit thread_local const ThreadPlace* current_place;

}  // namespace polder::kernels::emulated::machine
