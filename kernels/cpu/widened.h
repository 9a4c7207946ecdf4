#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "polder/core/tensor.h"
#include "polder/kernels/backend.h"

namespace polder::kernels::cpu {

/// float32 stand-ins for the bfloat16 arguments of a function. The cpu is the reference for
/// bfloat16, not fast at it: it widens the arguments, computes in float32, and rounds the results.
/// Arguments of other types stand for themselves.
class Widened {
 public:
  const Tensor& in(const Tensor& x) {
    if (x.dtype() != DType::bfloat16) return x;
    Tensor& wide = stand_in(x);
    backend_of(kCpu).cast(x, wide);
    return wide;
  }
  Tensor& out(Tensor& y) {
    if (y.dtype() != DType::bfloat16) return y;
    Tensor& wide = stand_in(y);
    results_.emplace_back(&wide, y);
    return wide;
  }
  Tensor& in_out(Tensor& y) {
    Tensor& wide = out(y);
    if (y.dtype() == DType::bfloat16) backend_of(kCpu).cast(y, wide);
    return wide;
  }
  /// Rounds what stands for results into them.
  void round() {
    for (auto& [wide, y] : results_) backend_of(kCpu).cast(*wide, y);
  }

 private:
  Tensor& stand_in(const Tensor& x) { return tensors_.emplace_back(Tensor::empty(x.shape())); }

  std::deque<Tensor> tensors_;  // which do not move
  std::vector<std::pair<const Tensor*, Tensor>> results_;
};

inline bool is_bfloat16(const Tensor& x) { return x.dtype() == DType::bfloat16; }

/// f(wide), then the results are rounded.
template <class F>
void in_float32(F&& f) {
  Widened wide;
  f(wide);
  wide.round();
}

}  // namespace polder::kernels::cpu
