#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"

namespace polder::kernels::cpu {
namespace {

/// Calls f(x position, w position, y position) for every product of the convolution.
template <class F>
void for_products(const Shape& x, const Shape& w, Window window, std::int64_t groups,
                  const Shape& y, F&& f) {
  const std::int64_t inputs = w[3], outputs = w[0] / groups;
  for (std::int64_t pixel = 0; pixel < y[0] * y[1] * y[2]; ++pixel)
    for (std::int64_t co = 0; co < w[0]; ++co)
      for (std::int64_t tap = 0; tap < w[1] * w[2]; ++tap) {
        const std::int64_t n = pixel / (y[1] * y[2]);
        const std::int64_t row =
            pixel / y[2] % y[1] * window.stride_h - window.padding_h + tap / w[2];
        const std::int64_t column = pixel % y[2] * window.stride_w - window.padding_w + tap % w[2];
        if (row < 0 || row >= x[1] || column < 0 || column >= x[2]) continue;
        for (std::int64_t ci = 0; ci < inputs; ++ci)
          f(((n * x[1] + row) * x[2] + column) * x[3] + co / outputs * inputs + ci,
            (co * w[1] * w[2] + tap) * inputs + ci, pixel * w[0] + co);
      }
}

}  // namespace

void CpuBackend::conv2d(const Tensor& x, const Tensor& w, Window window, std::int64_t groups,
                        Tensor& y) {
  fill(0.0, y);
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *in = x.data<T>(), *weight = w.data<T>();
    T* out = y.data<T>();
    for_products(x.shape(), w.shape(), window, groups, y.shape(),
                 [=](auto i, auto k, auto o) { out[o] += in[i] * weight[k]; });
  });
}

void CpuBackend::conv2d_input_gradient(const Tensor& dy, const Tensor& w, Window window,
                                       std::int64_t groups, Tensor& dx) {
  fill(0.0, dx);
  with_float(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *gradient = dy.data<T>(), *weight = w.data<T>();
    T* out = dx.data<T>();
    for_products(dx.shape(), w.shape(), window, groups, dy.shape(),
                 [=](auto i, auto k, auto o) { out[i] += gradient[o] * weight[k]; });
  });
}

void CpuBackend::conv2d_weight_gradient(const Tensor& x, const Tensor& dy, Window window,
                                        std::int64_t groups, Tensor& dw) {
  fill(0.0, dw);
  with_float(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *gradient = dy.data<T>(), *in = x.data<T>();
    T* out = dw.data<T>();
    for_products(x.shape(), dw.shape(), window, groups, dy.shape(),
                 [=](auto i, auto k, auto o) { out[k] += gradient[o] * in[i]; });
  });
}

}  // namespace polder::kernels::cpu
