#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/naive_convolution.h"
#include "polder/kernels/emulated/runtime.h"

namespace polder::kernels::emulated {

/// What a library computes on a card, the cpu back end computes here: the memory is the host's.
class Libraries {
 public:
  Backend& cpu() { return backend_of(kCpu); }
};

DeviceBackend::DeviceBackend(int)
    : device_{DeviceType::emulated, 0},
      runtime_(std::make_unique<Runtime>()),
      libraries_(std::make_unique<Libraries>()) {}

DeviceBackend::~DeviceBackend() = default;

// The closures hold the tensors, and with them their memory, as long as a recording lives.

void DeviceBackend::matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b,
                           Tensor& y) {
  runtime_->submit(
      [=, this]() mutable { libraries_->cpu().matmul(a, transpose_a, b, transpose_b, y); });
}

// A card computes the convolutions that its library does not know by naive kernels: here those of
// float64 and the grouped ones of bfloat16, so that they run where there is no card.
static bool is_naive(const Tensor& x, std::int64_t groups) {
  return x.dtype() == DType::float64 || (x.dtype() == DType::bfloat16 && groups > 1);
}

void DeviceBackend::conv2d(const Tensor& x, const Tensor& w, Window window, std::int64_t groups,
                           Tensor& y) {
  if (is_naive(x, groups)) return naive_conv2d(*runtime_, x, w, window, y);
  runtime_->submit([=, this]() mutable { libraries_->cpu().conv2d(x, w, window, groups, y); });
}

void DeviceBackend::conv2d_input_gradient(const Tensor& dy, const Tensor& w, Window window,
                                          std::int64_t groups, Tensor& dx) {
  if (is_naive(dy, groups)) return naive_conv2d_input_gradient(*runtime_, dy, w, window, dx);
  runtime_->submit(
      [=, this]() mutable { libraries_->cpu().conv2d_input_gradient(dy, w, window, groups, dx); });
}

void DeviceBackend::conv2d_weight_gradient(const Tensor& x, const Tensor& dy, Window window,
                                           std::int64_t groups, Tensor& dw) {
  if (is_naive(x, groups)) return naive_conv2d_weight_gradient(*runtime_, x, dy, window, dw);
  runtime_->submit(
      [=, this]() mutable { libraries_->cpu().conv2d_weight_gradient(x, dy, window, groups, dw); });
}

}  // namespace polder::kernels::emulated
