#pragma once

#include "polder/kernels/ladder.h"

/// One file makes each rung.
namespace polder::kernels::ladder {

std::unique_ptr<Rung> make_naive(const Weights& weights, Limits limits);
std::unique_ptr<Rung> make_tensor_by_tensor(const Weights& weights, Limits limits);
std::unique_ptr<Rung> make_multi_tensor(const Weights& weights, Limits limits);
std::unique_ptr<Rung> make_flat(const Weights& weights, Limits limits);
std::unique_ptr<Rung> make_twin(const Weights& weights, Limits limits);
std::unique_ptr<Rung> make_one_launch(const Weights& weights, Limits limits);

/// rho / (norm + c) on the device, from a norm that is there already.
class Scale {
 public:
  explicit Scale(Device device) : squared_norm_(Tensor::empty(Shape{}, DType::float64, device)) {}

  /// Where a squared norm is to be put.
  Tensor& squared_norm() { return squared_norm_; }
  /// norm = its root; the scale in the shape of rho.
  const Tensor& of(const Tensor& rho, Tensor& norm);
  /// A place for a scale in the shape of rho.
  Tensor& like(const Tensor& rho);

 private:
  Tensor squared_norm_, scale_;
};

/// Bytes of a rung whose norm reads g once, with what the ascent reads besides: w for an adaptive
/// norm, the mask for the norm and for the step.
Bytes fused_bytes(const Ascent& ascent, Bytes plain);

}  // namespace polder::kernels::ladder
