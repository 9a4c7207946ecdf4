#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/dispatch.h"
#include "polder/kernels/cuda/pieces.cuh"

// Every kernel writes each element once and reads what windows share from the cache. A thread takes
// `width` adjacent channels of one pixel.
namespace polder::kernels::POLDER_DEVICE {
namespace {

/// An NHWC image batch x, and y, its pooled form.
struct Pooling {
  Window window;
  std::int64_t rows, columns;      // of x
  std::int64_t y_rows, y_columns;  // of y
  std::int64_t channels;
};

Pooling pooling_of(const Tensor& x, Window window, const Tensor& y) {
  return {window, x.size(1), x.size(2), y.size(1), y.size(2), x.size(3)};
}

/// A pixel of an image batch of rows x columns, and the first of the channels that a thread takes.
struct Place {
  std::int64_t image, row, column, channel;
};

template <int width>
__device__ Place place_of(std::int64_t i, std::int64_t rows, std::int64_t columns,
                          std::int64_t channels) {
  const std::int64_t packs = channels / width, pixel = i / packs;
  return {pixel / columns / rows, pixel / columns % rows, pixel % columns, i % packs * width};
}

/// Positions [begin, end) of one axis.
struct Span {
  std::int64_t begin, end;
};

/// Positions of an axis of x, `size` long, that the window of output `o` covers.
__device__ Span covered(std::int64_t o, std::int64_t stride, std::int64_t padding,
                        std::int64_t kernel, std::int64_t size) {
  const std::int64_t start = o * stride - padding;
  return {max(std::int64_t{0}, start), min(size, start + kernel)};
}

/// Outputs of an axis, `outputs` long, whose window covers position i of x.
__device__ Span covering(std::int64_t i, std::int64_t stride, std::int64_t padding,
                         std::int64_t kernel, std::int64_t outputs) {
  const std::int64_t last = i + padding, first = last - kernel + 1;
  return {first <= 0 ? 0 : (first + stride - 1) / stride, min(outputs, last / stride + 1)};
}

/// f(flat position) for every tap inside the image, in window order, of the output at `at`.
template <class F>
__device__ void for_taps(const Pooling& p, const Place& at, F&& f) {
  const Window& w = p.window;
  const Span h = covered(at.row, w.stride_h, w.padding_h, w.kernel_h, p.rows);
  const Span v = covered(at.column, w.stride_w, w.padding_w, w.kernel_w, p.columns);
  for (std::int64_t i = h.begin; i < h.end; ++i)
    for (std::int64_t j = v.begin; j < v.end; ++j)
      f(((at.image * p.rows + i) * p.columns + j) * p.channels + at.channel);
}

/// A later tap must be larger to win; NaN wins and stays.
template <class T, int width>
__global__ void maxima(Pooling p, std::int64_t packs, const T* x, T* y, std::int64_t* index) {
  for (std::int64_t o = thread_rank(); o < packs; o += thread_count()) {
    Channels<T, width> best = {};
    Channels<std::int64_t, width> winner = {};
    bool first = true;
    for_taps(p, place_of<width>(o, p.y_rows, p.y_columns, p.channels), [&](std::int64_t tap) {
      const auto value = load<width>(x + tap);
      for (int k = 0; k < width; ++k) {
        const Wide<T> held = widen(best.element[k]);
        const bool stays = !first && (held >= widen(value.element[k]) || isnan(held));
        best.element[k] = stays ? best.element[k] : value.element[k];
        winner.element[k] = stays ? winner.element[k] : tap + k;
      }
      first = false;
    });
    store(y + o * width, best);
    store(index + o * width, winner);
  }
}

template <class T, int width>
__device__ Channels<T, width> scaled(const double (&sum)[width], double share) {
  Channels<T, width> result;
  for (int k = 0; k < width; ++k) result.element[k] = static_cast<T>(sum[k] * share);
  return result;
}

template <class T, int width>
__global__ void averages(Pooling p, std::int64_t packs, double share, const T* x, T* y) {
  for (std::int64_t o = thread_rank(); o < packs; o += thread_count()) {
    double sum[width] = {};
    for_taps(p, place_of<width>(o, p.y_rows, p.y_columns, p.channels), [&](std::int64_t tap) {
      const auto value = load<width>(x + tap);
      for (int k = 0; k < width; ++k) sum[k] += static_cast<double>(value.element[k]);
    });
    store(y + o * width, scaled<T>(sum, share));
  }
}

/// Each element of dx gathers from the windows that cover it.
template <class T, int width>
__global__ void average_gradients(Pooling p, std::int64_t packs, double share, const T* dy, T* dx) {
  const Window& w = p.window;
  for (std::int64_t i = thread_rank(); i < packs; i += thread_count()) {
    const Place at = place_of<width>(i, p.rows, p.columns, p.channels);
    const Span h = covering(at.row, w.stride_h, w.padding_h, w.kernel_h, p.y_rows);
    const Span v = covering(at.column, w.stride_w, w.padding_w, w.kernel_w, p.y_columns);
    double sum[width] = {};
    for (std::int64_t row = h.begin; row < h.end; ++row)
      for (std::int64_t column = v.begin; column < v.end; ++column) {
        const std::int64_t pixel = (at.image * p.y_rows + row) * p.y_columns + column;
        const auto value = load<width>(dy + pixel * p.channels + at.channel);
        for (int k = 0; k < width; ++k) sum[k] += static_cast<double>(value.element[k]);
      }
    store(dx + i * width, scaled<T>(sum, share));
  }
}

/// 1 over the area of the window, padding included.
double share_of(Window window) {
  return 1 / static_cast<double>(window.kernel_h * window.kernel_w);
}

}  // namespace

void DeviceBackend::max_pool(const Tensor& x, Window window, Tensor& y, Tensor& index) {
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    std::int64_t* where = index.data<std::int64_t>();
    const auto run = [&](auto width) {
      const std::int64_t packs = y.numel() / width;
      launch(*runtime_, over(*runtime_, packs), maxima<T, width>, pooling_of(x, window, y), packs,
             in, out, where);
    };
    with_width<T>(x.size(3), run, in, out, where);
  });
}

void DeviceBackend::average_pool(const Tensor& x, Window window, Tensor& y) {
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    const auto run = [&](auto width) {
      const std::int64_t packs = y.numel() / width;
      launch(*runtime_, over(*runtime_, packs), averages<T, width>, pooling_of(x, window, y), packs,
             share_of(window), in, out);
    };
    with_width<T>(x.size(3), run, in, out);
  });
}

void DeviceBackend::average_pool_backward(const Tensor& dy, Window window, Tensor& dx) {
  with_floating(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* gradient = dy.data<T>();
    T* out = dx.data<T>();
    const auto run = [&](auto width) {
      const std::int64_t packs = dx.numel() / width;
      launch(*runtime_, over(*runtime_, packs), average_gradients<T, width>,
             pooling_of(dx, window, dy), packs, share_of(window), gradient, out);
    };
    with_width<T>(dx.size(3), run, gradient, out);
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
