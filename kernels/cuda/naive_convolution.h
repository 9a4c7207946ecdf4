#pragma once

#include "polder/kernels/backend.h"

namespace polder::kernels::POLDER_DEVICE {

class Runtime;

/// Convolutions by their definition, one thread a result, each sum in float64 and in one order. For
/// what a library has no engine for; shapes and window as in Backend, groups from the shapes.
void naive_conv2d(Runtime& runtime, const Tensor& x, const Tensor& w, const Window& window,
                  Tensor& y);
void naive_conv2d_input_gradient(Runtime& runtime, const Tensor& dy, const Tensor& w,
                                 const Window& window, Tensor& dx);
void naive_conv2d_weight_gradient(Runtime& runtime, const Tensor& x, const Tensor& dy,
                                  const Window& window, Tensor& dw);

}  // namespace polder::kernels::POLDER_DEVICE
