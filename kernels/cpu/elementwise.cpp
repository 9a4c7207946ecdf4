#include <numbers>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/lanes.h"
#include "polder/kernels/cpu/parallel.h"
#include "polder/kernels/cpu/vector_math.h"
#include "polder/kernels/cpu/widened.h"

namespace polder::kernels::cpu {
namespace {

/// 1 / sqrt(2)
template <class T>
inline constexpr T kRootHalf = std::numbers::sqrt2_v<T> / 2;

/// Phi(x). erfc instead of 1 + erf: no cancellation for negative x.
template <class T>
T normal_cumulative(T x) {
  return vector_math::erfc(-x * kRootHalf<T>) / 2;
}

template <class T>
T normal_density(T x) {
  return kRootHalf<T> * std::numbers::inv_sqrtpi_v<T> * vector_math::exp(-x * x / 2);
}

/// Calls f with a function object T -> T for the named function. Function objects capture nothing:
/// a captured constant is memory that the output might overwrite, and such loops do not vectorise.
template <class T, class F>
void with_unary(Unary name, F&& f) {
  switch (name) {
    case Unary::neg:
      return f([](T x) { return -x; });
    case Unary::abs:
      return f([](T x) { return std::abs(x); });
    case Unary::sign:
      return f([](T x) { return x > 0 ? T{1} : x < 0 ? T{-1} : x == 0 ? T{0} : x; });
    case Unary::step:
      return f([](T x) { return x > 0 ? T{1} : T{0}; });
    case Unary::square:
      return f([](T x) { return x * x; });
    case Unary::sqrt:
      return f([](T x) { return std::sqrt(x); });
    case Unary::rsqrt:
      return f([](T x) { return 1 / std::sqrt(x); });
    case Unary::reciprocal:
      return f([](T x) { return 1 / x; });
    case Unary::exp:
      return f([](T x) { return vector_math::exp(x); });
    case Unary::log:
      return f([](T x) { return vector_math::log(x); });
    case Unary::erf:
      return f([](T x) { return vector_math::erf(x); });
    case Unary::tanh:
      return f([](T x) { return vector_math::tanh(x); });
    case Unary::sigmoid:
      return f([](T x) { return vector_math::sigmoid(x); });
    case Unary::relu:
      // Written so that NaN passes through.
      return f([](T x) { return x < 0 ? T{0} : x; });
    case Unary::gelu:
      return f([](T x) { return x * normal_cumulative(x); });
  }
}

/// Calls f with a function object (x, y, dy) -> f'(x) dy, where y = f(x).
template <class T, class F>
void with_unary_backward(Unary name, F&& f) {
  switch (name) {
    case Unary::neg:
      return f([](T, T, T dy) { return -dy; });
    case Unary::abs:
      return f([](T x, T, T dy) { return x > 0 ? dy : x < 0 ? -dy : T{0}; });
    case Unary::sign:
    case Unary::step:
      return f([](T, T, T) { return T{0}; });
    case Unary::square:
      return f([](T x, T, T dy) { return 2 * x * dy; });
    case Unary::sqrt:
      return f([](T, T y, T dy) { return dy / (2 * y); });
    case Unary::rsqrt:
      return f([](T, T y, T dy) { return -y * y * y * dy / 2; });
    case Unary::reciprocal:
      return f([](T, T y, T dy) { return -y * y * dy; });
    case Unary::exp:
      return f([](T, T y, T dy) { return y * dy; });
    case Unary::log:
      return f([](T x, T, T dy) { return dy / x; });
    case Unary::erf:
      return f([](T x, T, T dy) {
        return 2 * std::numbers::inv_sqrtpi_v<T> * vector_math::exp(-x * x) * dy;
      });
    case Unary::tanh:
      return f([](T, T y, T dy) { return (1 - y * y) * dy; });
    case Unary::sigmoid:
      return f([](T, T y, T dy) { return y * (1 - y) * dy; });
    case Unary::relu:
      return f([](T x, T, T dy) { return x > 0 ? dy : T{0}; });
    case Unary::gelu:
      return f([](T x, T, T dy) { return (normal_cumulative(x) + x * normal_density(x)) * dy; });
  }
}

template <class T, class F>
void with_binary(Binary name, F&& f) {
  switch (name) {
    case Binary::add:
      return f([](T a, T b) { return a + b; });
    case Binary::sub:
      return f([](T a, T b) { return a - b; });
    case Binary::mul:
      return f([](T a, T b) { return a * b; });
    case Binary::div:
      return f([](T a, T b) { return a / b; });
    case Binary::max:
      return f([](T a, T b) { return larger(a, b); });
    case Binary::min:
      return f([](T a, T b) { return a <= b || std::isnan(a) ? a : b; });
  }
}

/// y = a op b, b one value per column.
template <class T, class Op>
void binary_trailing(Op op, const T* a, const T* b, std::int64_t n, std::int64_t inner, T* y) {
  parallel_blocks(n, kElementBlock, [=](std::int64_t begin, std::int64_t end) {
    for_row_pieces(begin, end, inner, [=](std::int64_t row, std::int64_t from, std::int64_t to) {
      const T* factors = b - row * inner;
      for (std::int64_t i = from; i < to; ++i) y[i] = op(a[i], factors[i]);
    });
  });
}

/// y = a op b, b one value per row.
template <class T, class Op>
void binary_leading(Op op, const T* a, const T* b, std::int64_t n, std::int64_t inner, T* y) {
  parallel_blocks(n, kElementBlock, [=](std::int64_t begin, std::int64_t end) {
    for_row_pieces(begin, end, inner, [=](std::int64_t row, std::int64_t from, std::int64_t to) {
      const T factor = b[row];
      for (std::int64_t i = from; i < to; ++i) y[i] = op(a[i], factor);
    });
  });
}

}  // namespace

void CpuBackend::unary(Unary name, const Tensor& x, Tensor& y) {
  if (is_bfloat16(x))
    return in_float32([&](Widened& wide) { unary(name, wide.in(x), wide.out(y)); });
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    with_unary<T>(name, [&](auto f) {
      parallel_blocks(x.numel(), kElementBlock, [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) out[i] = f(in[i]);
      });
    });
  });
}

void CpuBackend::unary_backward(Unary name, const Tensor& x, const Tensor& y, const Tensor& dy,
                                Tensor& dx) {
  if (is_bfloat16(x))
    return in_float32([&](Widened& wide) {
      unary_backward(name, wide.in(x), wide.in(y), wide.in(dy), wide.out(dx));
    });
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *in = x.data<T>(), *value = y.data<T>(), *gradient = dy.data<T>();
    T* out = dx.data<T>();
    with_unary_backward<T>(name, [&](auto f) {
      parallel_blocks(x.numel(), kElementBlock, [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) out[i] = f(in[i], value[i], gradient[i]);
      });
    });
  });
}

void CpuBackend::binary(Binary name, const Tensor& a, const Tensor& b, Broadcast broadcast,
                        Tensor& y) {
  if (is_bfloat16(a))
    return in_float32(
        [&](Widened& wide) { binary(name, wide.in(a), wide.in(b), broadcast, wide.out(y)); });
  const std::int64_t n = a.numel(), m = b.numel();
  if (n == 0) return;
  with_float(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *left = a.data<T>(), *right = b.data<T>();
    T* out = y.data<T>();
    with_binary<T>(name, [&](auto op) {
      // A single b is one row of n: a short trailing axis would make for a slow inner loop.
      if (broadcast == Broadcast::leading || m == 1)
        binary_leading(op, left, right, n, n / m, out);
      else
        binary_trailing(op, left, right, n, m, out);
    });
  });
}

void CpuBackend::affine(const Tensor& x, double scale, double shift, Tensor& y) {
  if (is_bfloat16(x))
    return in_float32([&](Widened& wide) { affine(wide.in(x), scale, shift, wide.out(y)); });
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T factor = static_cast<T>(scale), offset = static_cast<T>(shift);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    parallel_blocks(x.numel(), kElementBlock, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) out[i] = factor * in[i] + offset;
    });
  });
}

void CpuBackend::axpby(double alpha, const Tensor& x, double beta, Tensor& y) {
  if (is_bfloat16(x))
    return in_float32([&](Widened& wide) { axpby(alpha, wide.in(x), beta, wide.in_out(y)); });
  if (beta == 0) return affine(x, alpha, 0.0, y);
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T a = static_cast<T>(alpha), b = static_cast<T>(beta);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    parallel_blocks(x.numel(), kElementBlock, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) out[i] = a * in[i] + b * out[i];
    });
  });
}

void CpuBackend::scaled_add(const Tensor& alpha, const Tensor& x, const Tensor& beta, Tensor& y) {
  const double a = scalar(alpha), b = scalar(beta);
  if (a != 0) return axpby(a, x, b, y);
  if (b != 0) return affine(y, b, 0.0, y);
  fill(0.0, y);
}

}  // namespace polder::kernels::cpu
