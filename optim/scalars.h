#pragma once

#include "polder/kernels/backend.h"

/// Arithmetic on small float64 tensors (a scalar, one number per segment) on their own device, so
/// that a step can be steered without reading anything back. Every result is a fresh tensor from
/// the device's pool. A 0-d second operand meets every element of the first.
namespace polder::optim {

Tensor sum(const Tensor& a, const Tensor& b);
Tensor difference(const Tensor& a, const Tensor& b);
Tensor product(const Tensor& a, const Tensor& b);
Tensor quotient(const Tensor& a, const Tensor& b);
/// scale x + shift
Tensor affine(const Tensor& x, double scale, double shift = 0.0);
Tensor map(kernels::Unary f, const Tensor& x);
/// a / b, and 0 where a and b are both 0.
Tensor share(const Tensor& a, const Tensor& b);
/// The larger and the smaller of each pair, exact.
Tensor larger(const Tensor& a, const Tensor& b);
Tensor smaller(const Tensor& a, const Tensor& b);
/// Sum and mean of all elements: 0-d.
Tensor total(const Tensor& x);
Tensor average(const Tensor& x);
/// 1 where a >= b (and where either is NaN), else 0.
Tensor at_least(const Tensor& a, const Tensor& b);
/// x of any element type in float64.
Tensor wide(const Tensor& x);
/// 0-d float64, a host number on the device.
Tensor constant(double value, Device device);
/// 1 when every element is finite, else 0: 0-d.
Tensor all_finite(const Tensor& x);
/// 1 when x (0-d) is a finite number > 0, else 0.
Tensor positive(const Tensor& x);
/// y <- x where flag (0-d, 0 or 1) is 1; otherwise y keeps its bits, whatever x holds.
void assign_if(const Tensor& flag, const Tensor& x, Tensor& y);

}  // namespace polder::optim
