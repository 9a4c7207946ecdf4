#pragma once

#include "polder/core/tensor.h"

namespace polder::optim {

/// What happened to G between the rule and the base optimizer.
struct Clipping {
  double limit = 0.0;   // largest norm; 0: no clipping
  Tensor squared_norm;  // ||G||^2 before clipping, 0-d float64; undefined without clipping
};

/// G <- G min(1, limit / (||G|| + c)), c = 1e-12, over all weights; nothing when limit is 0.
Clipping clip_gradient(double limit, Tensor& g);

/// q <- (d clipped G / d G) q. Where the limit acts: (limit / ||G||) (q - n <n, q>), n = G / ||G||;
/// elsewhere q stays. g is the clipped G. Symmetric, so it is its own adjoint.
void apply_clip_derivative(const Clipping& clipping, const Tensor& g, Tensor& q);

}  // namespace polder::optim
