#pragma once

#include <cstdint>

#include "polder/kernels/backend.h"
#include "polder/kernels/cpu/tiling.h"

namespace polder::kernels::cpu {

/// A convolution as a product: its patch matrix has one row per output position (image, row,
/// column) and one column per tap (kernel row, kernel column, channel of one group). Rows of
/// several images lie one below the other, so that small maps still make large products.
struct ConvGeometry {
  std::int64_t images = 0, in_h = 0, in_w = 0, in_channels = 0;
  std::int64_t out_h = 0, out_w = 0, out_channels = 0;
  std::int64_t groups = 1;
  Window window;

  /// x [N, H, W, Ci], y [N, Ho, Wo, Co].
  static ConvGeometry of(const Shape& x, const Shape& y, Window window, std::int64_t groups);

  std::int64_t positions() const { return images * out_h * out_w; }
  std::int64_t group_in() const { return in_channels / groups; }
  std::int64_t group_out() const { return out_channels / groups; }
  std::int64_t taps() const { return window.kernel_h * window.kernel_w * group_in(); }
  /// Whether the patch matrix is x itself.
  bool patches_are_input() const;
};

/// patches = the block `rows` x `columns` of one group's patch matrix, row-major and dense.
template <class T>
void gather_patches(const ConvGeometry& geometry, const T* x, std::int64_t group, Range rows,
                    Range columns, T* patches);

/// Adds the block back to where gather_patches took it from: its adjoint, rows in ascending order.
template <class T>
void scatter_add_patches(const ConvGeometry& geometry, const T* patches, std::int64_t group,
                         Range rows, Range columns, T* x);

}  // namespace polder::kernels::cpu
