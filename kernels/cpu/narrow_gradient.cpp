#include "polder/kernels/cpu/narrow_gradient.h"

#include <algorithm>
#include <cstring>

#include "polder/kernels/cpu/parallel.h"

namespace polder::kernels::cpu {
namespace {

/// Measured: with four channels, or one tap a row, the product is the better way.
constexpr std::int64_t kMostChannels = 3;
constexpr std::int64_t kVectorBytes = 64;

/// Sums side by side, in an order that does not depend on the vector length of the machine.
template <class T>
struct Lanes {
  using Vector __attribute__((vector_size(kVectorBytes))) = T;
  static constexpr std::int64_t kCount = kVectorBytes / sizeof(T);

  static void load(const T* source, Vector& vector) { std::memcpy(&vector, source, kVectorBytes); }
  static T total(const Vector& vector) {
    T lanes[kCount];
    std::memcpy(lanes, &vector, kVectorBytes);
    for (std::int64_t width = kCount / 2; width > 0; width /= 2)
      for (std::int64_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
    return lanes[0];
  }
};

/// What an element of dx sums up: `length` numbers of `rows` lines of dy, and as many of the turned
/// kernel.
template <class T>
struct Operands {
  const T* dy;
  const T* weights;
  std::int64_t rows, length;
  std::int64_t dy_step, weights_step;  // from one line to the next
};

/// dx of kPixels neighbours, `dx_step` apart, each of which looks `dy_shift` further than the last.
template <class T, int kPixels>
void sum_pixels(const Operands<T>& operands, std::int64_t dy_shift, T* dx, std::int64_t dx_step) {
  using L = Lanes<T>;
  typename L::Vector sums[kPixels] = {}, weight, value;
  for (std::int64_t row = 0; row < operands.rows; ++row) {
    const T* dy = operands.dy + row * operands.dy_step;
    const T* weights = operands.weights + row * operands.weights_step;
    for (std::int64_t k = 0; k < operands.length; k += L::kCount) {
      L::load(weights + k, weight);
      for (int pixel = 0; pixel < kPixels; ++pixel) {
        L::load(dy + pixel * dy_shift + k, value);
        sums[pixel] += weight * value;
      }
    }
  }
  for (int pixel = 0; pixel < kPixels; ++pixel) dx[pixel * dx_step] = L::total(sums[pixel]);
}

/// turned[i, r, s, o] = w[o, Kh - 1 - r, Kw - 1 - s, i].
template <class T>
void turn_kernel_by_input(const ConvGeometry& g, const T* w, T* turned) {
  const std::int64_t area = g.window.kernel_h * g.window.kernel_w, out = g.out_channels;
  for (std::int64_t i = 0; i < g.in_channels; ++i)
    for (std::int64_t k = 0; k < area; ++k)
      for (std::int64_t o = 0; o < out; ++o)
        turned[(i * area + k) * out + o] = w[(o * area + area - 1 - k) * g.in_channels + i];
}

/// Kernel positions [begin, end) that fall on one of `size` outputs, the first at output `first`.
Range inside(std::int64_t first, std::int64_t kernel, std::int64_t size) {
  const std::int64_t begin = std::clamp<std::int64_t>(-first, 0, kernel);
  return {begin, std::clamp(size - first, begin, kernel)};
}

/// One line of one channel of dx.
template <class T>
class Line {
 public:
  Line(const ConvGeometry& g, std::int64_t line, const T* dy, const T* weights)
      : g_(g), weights_(weights) {
    const std::int64_t first = line % g.in_h + g.window.padding_h - g.window.kernel_h + 1;
    rows_ = inside(first, g.window.kernel_h, g.out_h);
    dy_ = dy + (line / g.in_h * g.out_h + first + rows_.begin) * g.out_w * g.out_channels;
  }

  void write(T* dx) const {
    const std::int64_t width = g_.window.kernel_w, shift = g_.window.padding_w - width + 1;
    const std::int64_t clear = std::clamp<std::int64_t>(-shift, 0, g_.in_w);
    const std::int64_t end = std::clamp(g_.out_w - width - shift + 1, clear, g_.in_w);
    constexpr int kPixels = 4;
    std::int64_t w = 0;
    for (; w < clear; ++w) write_pixels<1>(w, inside(w + shift, width, g_.out_w), dx);
    for (; w + kPixels <= end; w += kPixels) write_pixels<kPixels>(w, {0, width}, dx);
    for (; w < g_.in_w; ++w) write_pixels<1>(w, inside(w + shift, width, g_.out_w), dx);
  }

 private:
  template <int kPixels>
  void write_pixels(std::int64_t w, Range columns, T* dx) const {
    const std::int64_t out = g_.out_channels, width = g_.window.kernel_w;
    const std::int64_t first = w + g_.window.padding_w - width + 1 + columns.begin;
    const Operands<T> operands{
        dy_ + first * out, weights_ + (rows_.begin * width + columns.begin) * out,
        rows_.size(),      columns.size() * out,
        g_.out_w * out,    width * out};
    sum_pixels<T, kPixels>(operands, out, dx + w * g_.in_channels, g_.in_channels);
  }

  const ConvGeometry& g_;
  const T* weights_;
  const T* dy_;
  Range rows_;
};

}  // namespace

template <class T>
bool has_narrow_input(const ConvGeometry& g) {
  return g.groups == 1 && g.window.stride_h == 1 && g.window.stride_w == 1 &&
         g.in_channels <= kMostChannels && g.window.kernel_w > 1 &&
         g.out_channels % Lanes<T>::kCount == 0;
}

template <class T>
void narrow_input_gradient(const ConvGeometry& g, const T* dy, const T* w, T* dx) {
  const Tensor turned = Tensor::empty({g.taps() * g.out_channels}, dtype_of<T>);
  turn_kernel_by_input(g, w, turned.data<T>());
  const std::int64_t work = g.in_w * g.taps() * g.out_channels;
  parallel_blocks(
      g.images * g.in_h, ceil_div(kTaskWork, std::max<std::int64_t>(1, work)),
      [&](std::int64_t begin, std::int64_t end) {
        const T* weights = turned.data<T>();
        const std::int64_t each = g.taps() / g.in_channels * g.out_channels;
        for (std::int64_t line = begin; line < end; ++line)
          for (std::int64_t i = 0; i < g.in_channels; ++i)
            Line<T>(g, line, dy, weights + i * each).write(dx + line * g.in_w * g.in_channels + i);
      });
}

template bool has_narrow_input<float>(const ConvGeometry&);
template bool has_narrow_input<double>(const ConvGeometry&);
template void narrow_input_gradient(const ConvGeometry&, const float*, const float*, float*);
template void narrow_input_gradient(const ConvGeometry&, const double*, const double*, double*);

}  // namespace polder::kernels::cpu
