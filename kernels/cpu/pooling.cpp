#include <limits>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/parallel.h"

namespace polder::kernels::cpu {
namespace {

/// The rows or columns of an input that a window covers: [begin, end).
struct Span {
  std::int64_t begin, end;
};

Span covered(std::int64_t output, std::int64_t stride, std::int64_t padding, std::int64_t kernel,
             std::int64_t size) {
  const std::int64_t start = output * stride - padding;
  return {std::max<std::int64_t>(0, start), std::min(size, start + kernel)};
}

/// Calls f(pixel of the output, pixel of the input) for every input pixel under each window of
/// image n, in window order.
template <class F>
void for_taps(std::int64_t n, const Shape& x, Window window, const Shape& y, F&& f) {
  for (std::int64_t row = 0; row < y[1]; ++row)
    for (std::int64_t column = 0; column < y[2]; ++column) {
      const Span h = covered(row, window.stride_h, window.padding_h, window.kernel_h, x[1]);
      const Span w = covered(column, window.stride_w, window.padding_w, window.kernel_w, x[2]);
      const std::int64_t output = (n * y[1] + row) * y[2] + column;
      for (std::int64_t i = h.begin; i < h.end; ++i)
        for (std::int64_t j = w.begin; j < w.end; ++j) f(output, (n * x[1] + i) * x[2] + j);
    }
}

}  // namespace

void CpuBackend::max_pool(const Tensor& x, Window window, Tensor& y, Tensor& index) {
  const Shape from = x.shape(), to = y.shape();
  const std::int64_t channels = from[3], image = to[1] * to[2] * channels;
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    std::int64_t* where = index.data<std::int64_t>();
    parallel_tasks(from[0], [=](std::int64_t n) {
      std::fill(out + n * image, out + (n + 1) * image, -std::numeric_limits<T>::infinity());
      std::fill(where + n * image, where + (n + 1) * image, std::int64_t{-1});
      for_taps(n, from, window, to, [=](std::int64_t output, std::int64_t input) {
        const T* value = in + input * channels;
        T* best = out + output * channels;
        std::int64_t* position = where + output * channels;
        for (std::int64_t c = 0; c < channels; ++c) {
          const bool wins =
              position[c] < 0 || value[c] > best[c] || (value[c] != value[c] && best[c] == best[c]);
          best[c] = wins ? value[c] : best[c];
          position[c] = wins ? input * channels + c : position[c];
        }
      });
    });
  });
}

void CpuBackend::average_pool(const Tensor& x, Window window, Tensor& y) {
  const Shape from = x.shape(), to = y.shape();
  const std::int64_t channels = from[3], image = to[1] * to[2] * channels;
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    const T share = T{1} / static_cast<T>(window.kernel_h * window.kernel_w);
    parallel_tasks(from[0], [=](std::int64_t n) {
      std::fill(out + n * image, out + (n + 1) * image, T{0});
      for_taps(n, from, window, to, [=](std::int64_t output, std::int64_t input) {
        const T* value = in + input * channels;
        T* sum = out + output * channels;
        for (std::int64_t c = 0; c < channels; ++c) sum[c] += value[c];
      });
      for (std::int64_t i = n * image; i < (n + 1) * image; ++i) out[i] *= share;
    });
  });
}

void CpuBackend::average_pool_backward(const Tensor& dy, Window window, Tensor& dx) {
  const Shape from = dx.shape(), to = dy.shape();
  const std::int64_t channels = from[3], image = from[1] * from[2] * channels;
  with_float(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* gradient = dy.data<T>();
    T* out = dx.data<T>();
    const T share = T{1} / static_cast<T>(window.kernel_h * window.kernel_w);
    parallel_tasks(from[0], [=](std::int64_t n) {
      std::fill(out + n * image, out + (n + 1) * image, T{0});
      for_taps(n, from, window, to, [=](std::int64_t output, std::int64_t input) {
        const T* value = gradient + output * channels;
        T* sum = out + input * channels;
        for (std::int64_t c = 0; c < channels; ++c) sum[c] += share * value[c];
      });
    });
  });
}

}  // namespace polder::kernels::cpu
