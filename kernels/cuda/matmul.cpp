#include "polder/kernels/cuda/alignment.h"
#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/libraries.h"

namespace polder::kernels::cuda {

void DeviceBackend::matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b,
                           Tensor& y) {
  if (y.numel() == 0) return;
  const std::int64_t k = a.size(transpose_a ? -2 : -1);
  if (k == 0) return fill(0.0, y);
  libraries_->products().run({.m = y.size(-2),
                              .n = y.size(-1),
                              .k = k,
                              .batches = y.rank() == 3 ? y.size(0) : 1,
                              .transpose_a = transpose_a,
                              .transpose_b = transpose_b,
                              .factors = a.dtype(),
                              .result = y.dtype(),
                              .tf32 = tf32_allowed() && a.dtype() == DType::float32,
                              .alignment_a = alignment_of(a.raw()),
                              .alignment_b = alignment_of(b.raw()),
                              .alignment_y = alignment_of(y.raw())},
                             a.raw(), b.raw(), y.raw());
}

}  // namespace polder::kernels::cuda
