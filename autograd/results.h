#pragma once

#include <string_view>

#include "polder/autograd/variable.h"
#include "polder/kernels/backend.h"

/// What differentiable functions share: memory for results, and the checks most of them make.
namespace polder::autograd {

/// A tensor with unspecified contents, of x's element type and on its device.
Tensor empty_like(const Tensor& x);
Tensor empty_like(const Tensor& x, const Shape& shape);
Tensor full_like(const Tensor& x, double value);
Tensor full_like(const Tensor& x, const Shape& shape, double value);

/// The type in which the gradient of x arrives: float32 for leaves in bfloat16, else x's own.
DType gradient_type(const Variable& x);
/// sum_to of functions.h with a result in `dtype`, which holds the sum unrounded.
Variable sum_to(const Variable& x, const Shape& shape, kernels::Broadcast broadcast, DType dtype);

/// Throws Error unless a and b have one element type and live on one device.
void require_same_kind(std::string_view function, const Variable& a, const Variable& b);
/// Throws Error unless b meets a by `broadcast`.
void require_broadcast(std::string_view function, const Shape& a, const Shape& b,
                       kernels::Broadcast broadcast);
/// Throws Error unless the labels or indices are int64.
void require_int64(std::string_view function, const Tensor& index);

/// x as [rows, n]: n its last axis, or rows its first. Same memory.
Tensor as_rows(const Tensor& x);
Tensor as_samples(const Tensor& x);

/// A shape around one of its axes.
kernels::AxisView around(const Shape& shape, int axis);

}  // namespace polder::autograd
