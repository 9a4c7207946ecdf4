#include "polder/kernels/cuda/naive_convolution.h"

#include "polder/kernels/cuda/dispatch.h"
#include "polder/kernels/cuda/launch.cuh"

namespace polder::kernels::POLDER_DEVICE {
namespace {

struct Sizes {
  std::int64_t images, in_h, in_w, in, out_h, out_w, out, group_in, group_out;
  Window window;

  Sizes(const Tensor& x, const Tensor& w, const Tensor& y, const Window& geometry)
      : images(x.size(0)),
        in_h(x.size(1)),
        in_w(x.size(2)),
        in(x.size(3)),
        out_h(y.size(1)),
        out_w(y.size(2)),
        out(y.size(3)),
        group_in(w.size(3)),
        group_out(out * group_in / in),
        window(geometry) {}

  __device__ std::int64_t x_at(std::int64_t n, std::int64_t h, std::int64_t w) const {
    return ((n * in_h + h) * in_w + w) * in;
  }
  __device__ std::int64_t y_at(std::int64_t n, std::int64_t h, std::int64_t w) const {
    return ((n * out_h + h) * out_w + w) * out;
  }
  __device__ std::int64_t w_at(std::int64_t o, std::int64_t r, std::int64_t s) const {
    return ((o * window.kernel_h + r) * window.kernel_w + s) * group_in;
  }
  /// The input row or column that tap `tap` of output `output` reads; maybe in the padding.
  __device__ std::int64_t input_h(std::int64_t output, std::int64_t tap) const {
    return output * window.stride_h + tap - window.padding_h;
  }
  __device__ std::int64_t input_w(std::int64_t output, std::int64_t tap) const {
    return output * window.stride_w + tap - window.padding_w;
  }
};

/// Position of an element of an array whose last three axes are b, c, d long.
struct Position {
  std::int64_t a, b, c, d;
  __device__ Position(std::int64_t i, std::int64_t b_size, std::int64_t c_size, std::int64_t d_size)
      : a(i / d_size / c_size / b_size),
        b(i / d_size / c_size % b_size),
        c(i / d_size % c_size),
        d(i % d_size) {}
};

__device__ bool inside(std::int64_t i, std::int64_t size) { return i >= 0 && i < size; }

/// sum_k a[k a_stride] b[k b_stride]
template <class T>
__device__ double dot(const T* a, std::int64_t a_stride, const T* b, std::int64_t b_stride,
                      std::int64_t n) {
  double sum = 0;
  for (std::int64_t k = 0; k < n; ++k)
    sum += static_cast<double>(a[k * a_stride]) * static_cast<double>(b[k * b_stride]);
  return sum;
}

template <class T>
__global__ void forward(Sizes sizes, std::int64_t count, const T* x, const T* w, T* y) {
  for (std::int64_t i = thread_rank(); i < count; i += thread_count()) {
    const Position p(i, sizes.out_h, sizes.out_w, sizes.out);
    const std::int64_t first_in = p.d / sizes.group_out * sizes.group_in;
    double sum = 0;
    for (std::int64_t r = 0; r < sizes.window.kernel_h; ++r)
      for (std::int64_t s = 0; s < sizes.window.kernel_w; ++s) {
        const std::int64_t row = sizes.input_h(p.b, r), column = sizes.input_w(p.c, s);
        if (inside(row, sizes.in_h) && inside(column, sizes.in_w))
          sum += dot(x + sizes.x_at(p.a, row, column) + first_in, 1, w + sizes.w_at(p.d, r, s), 1,
                     sizes.group_in);
      }
    y[i] = static_cast<T>(sum);
  }
}

template <class T>
__global__ void input_gradient(Sizes sizes, std::int64_t count, const T* dy, const T* w, T* dx) {
  const Window window = sizes.window;
  for (std::int64_t i = thread_rank(); i < count; i += thread_count()) {
    const Position p(i, sizes.in_h, sizes.in_w, sizes.in);
    const std::int64_t first_out = p.d / sizes.group_in * sizes.group_out;
    double sum = 0;
    for (std::int64_t r = 0; r < window.kernel_h; ++r)
      for (std::int64_t s = 0; s < window.kernel_w; ++s) {
        const std::int64_t h = p.b + window.padding_h - r, v = p.c + window.padding_w - s;
        if (h % window.stride_h != 0 || v % window.stride_w != 0) continue;
        const std::int64_t row = h / window.stride_h, column = v / window.stride_w;
        if (inside(row, sizes.out_h) && inside(column, sizes.out_w))
          sum += dot(dy + sizes.y_at(p.a, row, column) + first_out, 1,
                     w + sizes.w_at(first_out, r, s) + p.d % sizes.group_in, sizes.w_at(1, 0, 0),
                     sizes.group_out);
      }
    dx[i] = static_cast<T>(sum);
  }
}

template <class T>
__global__ void weight_gradient(Sizes sizes, std::int64_t count, const T* x, const T* dy,
                                Wide<T>* dw) {
  for (std::int64_t i = thread_rank(); i < count; i += thread_count()) {
    const Position p(i, sizes.window.kernel_h, sizes.window.kernel_w, sizes.group_in);
    const std::int64_t channel = p.a / sizes.group_out * sizes.group_in + p.d;
    double sum = 0;
    for (std::int64_t n = 0; n < sizes.images; ++n)
      for (std::int64_t row = 0; row < sizes.out_h; ++row)
        for (std::int64_t column = 0; column < sizes.out_w; ++column) {
          const std::int64_t h = sizes.input_h(row, p.b), v = sizes.input_w(column, p.c);
          if (inside(h, sizes.in_h) && inside(v, sizes.in_w))
            sum += static_cast<double>(x[sizes.x_at(n, h, v) + channel]) *
                   static_cast<double>(dy[sizes.y_at(n, row, column) + p.a]);
        }
    dw[i] = static_cast<Wide<T>>(sum);
  }
}

}  // namespace

void naive_conv2d(Runtime& runtime, const Tensor& x, const Tensor& w, const Window& window,
                  Tensor& y) {
  with_floating(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(runtime, over(runtime, y.numel()), forward<T>, Sizes(x, w, y, window), y.numel(),
           elements<T>(x), elements<T>(w), y.data<T>());
  });
}

void naive_conv2d_input_gradient(Runtime& runtime, const Tensor& dy, const Tensor& w,
                                 const Window& window, Tensor& dx) {
  with_floating(dx.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(runtime, over(runtime, dx.numel()), input_gradient<T>, Sizes(dx, w, dy, window),
           dx.numel(), elements<T>(dy), elements<T>(w), dx.data<T>());
  });
}

void naive_conv2d_weight_gradient(Runtime& runtime, const Tensor& x, const Tensor& dy,
                                  const Window& window, Tensor& dw) {
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(runtime, over(runtime, dw.numel()), weight_gradient<T>, Sizes(x, dw, dy, window),
           dw.numel(), elements<T>(x), elements<T>(dy), dw.data<Wide<T>>());
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
