#include <numbers>

#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/dispatch.h"
#include "polder/kernels/cuda/map.cuh"

namespace polder::kernels::POLDER_DEVICE {
namespace {

// The functions, each a type so that a kernel is compiled for each. T is float or double.

/// 1 / sqrt(2)
template <class T>
inline constexpr T kRootHalf = std::numbers::sqrt2_v<T> / 2;

/// Phi(x). erfc instead of 1 + erf: no cancellation for negative x.
template <class T>
__device__ T normal_cumulative(T x) {
  return erfc(-x * kRootHalf<T>) / 2;
}

template <class T>
__device__ T normal_density(T x) {
  return kRootHalf<T> * std::numbers::inv_sqrtpi_v<T> * exp(-x * x / 2);
}

/// f and its gradient, (x, y = f(x), dy) -> f'(x) dy, of one Unary.
template <Unary name, class T>
struct Function {
  __device__ T operator()(T x) const {
    if constexpr (name == Unary::neg) return -x;
    if constexpr (name == Unary::abs) return x < 0 ? -x : x == 0 ? T{0} : x;
    if constexpr (name == Unary::sign) return x > 0 ? T{1} : x < 0 ? T{-1} : x == 0 ? T{0} : x;
    if constexpr (name == Unary::step) return x > 0 ? T{1} : T{0};
    if constexpr (name == Unary::square) return x * x;
    if constexpr (name == Unary::sqrt) return sqrt(x);
    if constexpr (name == Unary::rsqrt) return 1 / sqrt(x);
    if constexpr (name == Unary::reciprocal) return 1 / x;
    if constexpr (name == Unary::exp) return exp(x);
    if constexpr (name == Unary::log) return log(x);
    if constexpr (name == Unary::erf) return erf(x);
    if constexpr (name == Unary::tanh) return tanh(x);
    if constexpr (name == Unary::sigmoid) return 1 / (1 + exp(-x));
    if constexpr (name == Unary::relu) return x < 0 ? T{0} : x;  // NaN passes through
    if constexpr (name == Unary::gelu) return x * normal_cumulative(x);
  }

  __device__ T operator()(T x, T y, T dy) const {
    if constexpr (name == Unary::neg) return -dy;
    if constexpr (name == Unary::abs) return x > 0 ? dy : x < 0 ? -dy : T{0};
    if constexpr (name == Unary::sign || name == Unary::step) return T{0};
    if constexpr (name == Unary::square) return 2 * x * dy;
    if constexpr (name == Unary::sqrt) return dy / (2 * y);
    if constexpr (name == Unary::rsqrt) return -y * y * y * dy / 2;
    if constexpr (name == Unary::reciprocal) return -y * y * dy;
    if constexpr (name == Unary::exp) return y * dy;
    if constexpr (name == Unary::log) return dy / x;
    if constexpr (name == Unary::erf) return 2 * std::numbers::inv_sqrtpi_v<T> * exp(-x * x) * dy;
    if constexpr (name == Unary::tanh) return (1 - y * y) * dy;
    if constexpr (name == Unary::sigmoid) return y * (1 - y) * dy;
    if constexpr (name == Unary::relu) return x > 0 ? dy : T{0};
    if constexpr (name == Unary::gelu) return (normal_cumulative(x) + x * normal_density(x)) * dy;
  }
};

/// Calls f(Function<name, T>{}).
template <class T, class F>
void with_unary(Unary name, F&& f) {
  switch (name) {
    case Unary::neg:
      return f(Function<Unary::neg, T>{});
    case Unary::abs:
      return f(Function<Unary::abs, T>{});
    case Unary::sign:
      return f(Function<Unary::sign, T>{});
    case Unary::step:
      return f(Function<Unary::step, T>{});
    case Unary::square:
      return f(Function<Unary::square, T>{});
    case Unary::sqrt:
      return f(Function<Unary::sqrt, T>{});
    case Unary::rsqrt:
      return f(Function<Unary::rsqrt, T>{});
    case Unary::reciprocal:
      return f(Function<Unary::reciprocal, T>{});
    case Unary::exp:
      return f(Function<Unary::exp, T>{});
    case Unary::log:
      return f(Function<Unary::log, T>{});
    case Unary::erf:
      return f(Function<Unary::erf, T>{});
    case Unary::tanh:
      return f(Function<Unary::tanh, T>{});
    case Unary::sigmoid:
      return f(Function<Unary::sigmoid, T>{});
    case Unary::relu:
      return f(Function<Unary::relu, T>{});
    case Unary::gelu:
      return f(Function<Unary::gelu, T>{});
  }
}

template <Binary name, class T>
struct Operation {
  __device__ T operator()(T a, T b) const {
    if constexpr (name == Binary::add) return a + b;
    if constexpr (name == Binary::sub) return a - b;
    if constexpr (name == Binary::mul) return a * b;
    if constexpr (name == Binary::div) return a / b;
    if constexpr (name == Binary::max) return a >= b || isnan(a) ? a : b;
    if constexpr (name == Binary::min) return a <= b || isnan(a) ? a : b;
  }
};

/// Calls f(Operation<name, T>{}).
template <class T, class F>
void with_binary(Binary name, F&& f) {
  switch (name) {
    case Binary::add:
      return f(Operation<Binary::add, T>{});
    case Binary::sub:
      return f(Operation<Binary::sub, T>{});
    case Binary::mul:
      return f(Operation<Binary::mul, T>{});
    case Binary::div:
      return f(Operation<Binary::div, T>{});
    case Binary::max:
      return f(Operation<Binary::max, T>{});
    case Binary::min:
      return f(Operation<Binary::min, T>{});
  }
}

template <class T>
struct Affine {
  T scale, shift;
  __device__ T operator()(T x) const { return scale * x + shift; }
};

template <class T>
struct Axpby {
  T alpha, beta;
  __device__ T operator()(T x, T y) const { return alpha * x + beta * y; }
};

/// y = alpha x + beta y; a factor of 0 leaves its operand unread.
template <class T>
__global__ void scaled_add_elements(std::int64_t n, const double* alpha, const T* x,
                                    const double* beta, T* y) {
  const Wide<T> a = static_cast<Wide<T>>(*alpha), b = static_cast<Wide<T>>(*beta);
  for (std::int64_t i = thread_rank(); i < n; i += thread_count()) {
    Wide<T> sum = 0;
    if (*alpha == 0.0)
      sum = *beta == 0.0 ? Wide<T>{0} : b * widen(y[i]);
    else
      sum = *beta == 0.0 ? a * widen(x[i]) : a * widen(x[i]) + b * widen(y[i]);
    y[i] = static_cast<T>(sum);
  }
}

/// y[r, c] = a[r, c] op b[c] (trailing) or a[r, c] op b[r] (leading), rows of `inner` elements.
template <class T, class Op, bool leading>
__global__ void binary_broadcast(std::int64_t n, std::int64_t inner, Op op, const T* a, const T* b,
                                 T* y) {
  for (std::int64_t i = thread_rank(); i < n; i += thread_count())
    y[i] = static_cast<T>(op(widen(a[i]), widen(b[leading ? i / inner : i % inner])));
}

}  // namespace

void DeviceBackend::unary(Unary name, const Tensor& x, Tensor& y) {
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    with_unary<Wide<T>>(name,
                        [&](auto f) { map(*runtime_, x.numel(), f, y.data<T>(), elements<T>(x)); });
  });
}

void DeviceBackend::unary_backward(Unary name, const Tensor& x, const Tensor& y, const Tensor& dy,
                                   Tensor& dx) {
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    with_unary<Wide<T>>(name, [&](auto f) {
      map(*runtime_, x.numel(), f, dx.data<T>(), elements<T>(x), elements<T>(y), elements<T>(dy));
    });
  });
}

void DeviceBackend::binary(Binary name, const Tensor& a, const Tensor& b, Broadcast broadcast,
                           Tensor& y) {
  const std::int64_t n = a.numel(), m = b.numel();
  if (n == 0) return;
  with_floating(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    with_binary<Wide<T>>(name, [&](auto op) {
      using Op = decltype(op);
      if (n == m) return map(*runtime_, n, op, y.data<T>(), elements<T>(a), elements<T>(b));
      with_flag(broadcast == Broadcast::leading || m == 1, [&](auto leading) {
        launch(*runtime_, over(*runtime_, n), binary_broadcast<T, Op, leading>, n,
               leading ? n / m : m, op, a.data<T>(), b.data<T>(), y.data<T>());
      });
    });
  });
}

void DeviceBackend::affine(const Tensor& x, double scale, double shift, Tensor& y) {
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    map(*runtime_, x.numel(),
        Affine<Wide<T>>{static_cast<Wide<T>>(scale), static_cast<Wide<T>>(shift)}, y.data<T>(),
        elements<T>(x));
  });
}

void DeviceBackend::axpby(double alpha, const Tensor& x, double beta, Tensor& y) {
  if (beta == 0) return affine(x, alpha, 0.0, y);
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    map(*runtime_, x.numel(),
        Axpby<Wide<T>>{static_cast<Wide<T>>(alpha), static_cast<Wide<T>>(beta)}, y.data<T>(),
        elements<T>(x), elements<T>(y));
  });
}

void DeviceBackend::scaled_add(const Tensor& alpha, const Tensor& x, const Tensor& beta,
                               Tensor& y) {
  with_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(*runtime_, over(*runtime_, x.numel()), scaled_add_elements<T>, x.numel(),
           alpha.data<double>(), x.data<T>(), beta.data<double>(), y.data<T>());
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
