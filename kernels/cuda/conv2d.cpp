#include <algorithm>

#include "polder/kernels/cuda/alignment.h"
#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/libraries.h"
#include "polder/kernels/cuda/naive_convolution.h"

namespace polder::kernels::cuda {
namespace {

/// By cuDNN, or false when it has no engine. `y` is the array on the side of the outputs.
bool by_library(Libraries& libraries, ConvolutionPass pass, const Tensor& x, const Tensor& w,
                const Tensor& y, const Window& window) {
  auto problem = ConvolutionProblem::of(pass, x.dtype(), x.shape(), w.shape(), y.shape(), window);
  problem.tf32 = tf32_allowed() && x.dtype() == DType::float32;
  problem.alignment =
      std::min({alignment_of(x.raw()), alignment_of(w.raw()), alignment_of(y.raw())});
  return libraries.convolutions().run(problem, x.raw(), w.raw(), y.raw());
}

}  // namespace

void DeviceBackend::conv2d(const Tensor& x, const Tensor& w, Window window, std::int64_t,
                           Tensor& y) {
  if (y.numel() == 0) return;
  if (x.numel() == 0) return fill(0.0, y);
  if (!by_library(*libraries_, ConvolutionPass::forward, x, w, y, window))
    naive_conv2d(*runtime_, x, w, window, y);
}

void DeviceBackend::conv2d_input_gradient(const Tensor& dy, const Tensor& w, Window window,
                                          std::int64_t, Tensor& dx) {
  if (dx.numel() == 0) return;
  if (dy.numel() == 0) return fill(0.0, dx);
  if (!by_library(*libraries_, ConvolutionPass::input_gradient, dx, w, dy, window))
    naive_conv2d_input_gradient(*runtime_, dy, w, window, dx);
}

void DeviceBackend::conv2d_weight_gradient(const Tensor& x, const Tensor& dy, Window window,
                                           std::int64_t, Tensor& dw) {
  if (dw.numel() == 0) return;
  if (dy.numel() == 0) return fill(0.0, dw);
  // cuDNN writes dw in the type of x: bfloat16 is widened afterwards.
  Tensor by_cudnn = dw;
  if (x.dtype() != dw.dtype()) by_cudnn = Tensor::empty(dw.shape(), x.dtype(), dw.device());
  if (!by_library(*libraries_, ConvolutionPass::weight_gradient, x, by_cudnn, dy, window))
    naive_conv2d_weight_gradient(*runtime_, x, dy, window, dw);
  else if (x.dtype() != dw.dtype())
    cast(by_cudnn, dw);
}

}  // namespace polder::kernels::cuda
