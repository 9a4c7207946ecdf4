#include <cmath>
#include <type_traits>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/parallel.h"
#include "polder/kernels/cpu/widened.h"

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

/// Calls f(pixel of the output, rows and columns covered) for every window of image n.
template <class F>
void for_windows(std::int64_t n, const Shape& x, Window window, const Shape& y, F&& f) {
  for (std::int64_t row = 0; row < y[1]; ++row) {
    const Span h = covered(row, window.stride_h, window.padding_h, window.kernel_h, x[1]);
    for (std::int64_t column = 0; column < y[2]; ++column)
      f((n * y[1] + row) * y[2] + column, h,
        covered(column, window.stride_w, window.padding_w, window.kernel_w, x[2]));
  }
}

/// Channels whose running maxima lie side by side in the first-level cache.
constexpr std::int64_t kChannels = 64;
/// They are counted in vectors of so many.
constexpr std::int64_t kVector = 8;

/// Maxima over one window of `width` channels of an image, and their flat positions: x, and
/// `first`, are those of the first channel at pixel 0. Taps come in window order and a later one
/// must be larger to win; NaN wins and stays.
template <class T>
void maxima_of_window(const T* x, std::int64_t first, const Shape& shape, Span h, Span w,
                      std::int64_t width, T* y, std::int64_t* index) {
  // As wide as T, so that both are selected by one mask.
  using Pixel = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  const std::int64_t columns = shape[2], channels = shape[3];
  const std::int64_t start = h.begin * columns + w.begin;
  // Narrow rows are copied and padded to whole vectors: the scalar loop over the rest of a row
  // would branch on a coin toss per element.
  const std::int64_t lanes = (width + kVector - 1) / kVector * kVector;
  T best[kChannels], padded[kChannels] = {};
  Pixel winner[kChannels];
  std::fill(best, best + lanes, T{0});
  std::copy(x + start * channels, x + start * channels + width, best);
  std::fill(winner, winner + lanes, static_cast<Pixel>(start));
  for (std::int64_t i = h.begin; i < h.end; ++i)
    for (std::int64_t j = w.begin; j < w.end; ++j) {
      const Pixel pixel = static_cast<Pixel>(i * columns + j);
      const T* value = x + pixel * channels;
      if (lanes != width) value = std::copy(value, value + width, padded) - width;
      for (std::int64_t c = 0; c < lanes; ++c) {
        const bool stays = best[c] >= value[c] || std::isnan(best[c]);
        best[c] = stays ? best[c] : value[c];
        winner[c] = stays ? winner[c] : pixel;
      }
    }
  std::copy(best, best + width, y);
  for (std::int64_t c = 0; c < width; ++c) index[c] = first + winner[c] * channels + c;
}

}  // namespace

void CpuBackend::max_pool(const Tensor& x, Window window, Tensor& y, Tensor& index) {
  if (is_bfloat16(x))
    return in_float32([&](Widened& wide) { max_pool(wide.in(x), window, wide.out(y), index); });
  const Shape from = x.shape(), to = y.shape();
  const std::int64_t channels = from[3], image = from[1] * from[2] * channels;
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    std::int64_t* where = index.data<std::int64_t>();
    parallel_tasks(from[0], [=](std::int64_t n) {
      for_windows(n, from, window, to, [=](std::int64_t output, Span h, Span w) {
        for (std::int64_t c = 0; c < channels; c += kChannels) {
          const std::int64_t first = n * image + c;
          maxima_of_window(in + first, first, from, h, w, std::min(kChannels, channels - c),
                           out + output * channels + c, where + output * channels + c);
        }
      });
    });
  });
}

void CpuBackend::average_pool(const Tensor& x, Window window, Tensor& y) {
  if (is_bfloat16(x))
    return in_float32([&](Widened& wide) { average_pool(wide.in(x), window, wide.out(y)); });
  const Shape from = x.shape(), to = y.shape();
  const std::int64_t columns = from[2], channels = from[3], image = from[1] * columns * channels;
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    const T share = T{1} / static_cast<T>(window.kernel_h * window.kernel_w);
    parallel_tasks(from[0], [=](std::int64_t n) {
      for_windows(n, from, window, to, [=](std::int64_t output, Span h, Span w) {
        T* mean = out + output * channels;
        std::fill(mean, mean + channels, T{0});
        for (std::int64_t i = h.begin; i < h.end; ++i)
          for (std::int64_t j = w.begin; j < w.end; ++j) {
            const T* value = in + n * image + (i * columns + j) * channels;
            for (std::int64_t c = 0; c < channels; ++c) mean[c] += value[c];
          }
        for (std::int64_t c = 0; c < channels; ++c) mean[c] *= share;
      });
    });
  });
}

void CpuBackend::average_pool_backward(const Tensor& dy, Window window, Tensor& dx) {
  if (is_bfloat16(dy))
    return in_float32(
        [&](Widened& wide) { average_pool_backward(wide.in(dy), window, wide.out(dx)); });
  const Shape from = dx.shape(), to = dy.shape();
  const std::int64_t columns = from[2], channels = from[3], image = from[1] * columns * channels;
  with_float(dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* gradient = dy.data<T>();
    T* out = dx.data<T>();
    const T share = T{1} / static_cast<T>(window.kernel_h * window.kernel_w);
    parallel_tasks(from[0], [=](std::int64_t n) {
      std::fill(out + n * image, out + (n + 1) * image, T{0});
      for_windows(n, from, window, to, [=](std::int64_t output, Span h, Span w) {
        const T* value = gradient + output * channels;
        for (std::int64_t i = h.begin; i < h.end; ++i)
          for (std::int64_t j = w.begin; j < w.end; ++j) {
            T* sum = out + n * image + (i * columns + j) * channels;
            for (std::int64_t c = 0; c < channels; ++c) sum[c] += share * value[c];
          }
      });
    });
  });
}

}  // namespace polder::kernels::cpu
