#include <cmath>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/lanes.h"
#include "polder/kernels/cpu/parallel.h"
#include "polder/kernels/cpu/rows.h"
#include "polder/kernels/cpu/vector_math.h"
#include "polder/kernels/cpu/widened.h"

namespace polder::kernels::cpu {
namespace {

/// The sum of exp(x - max x) and that maximum; subtracting the maximum keeps huge logits finite.
template <class T>
struct Exponentials {
  T maximum;
  double sum;
};

template <class T>
Exponentials<T> sum_of_exponentials(const T* x, std::int64_t n) {
  const T maximum = lane_max(x, n);
  return {maximum, lane_sum(0, n, [=](std::int64_t i) {
            return static_cast<double>(vector_math::exp(x[i] - maximum));
          })};
}

/// Calls f(row, position of its first element) for every row of x, T its element type.
template <class F>
void for_rows(const Tensor& x, F&& f) {
  const std::int64_t n = x.size(-1);
  if (x.numel() == 0) return;
  parallel_blocks(x.numel() / n, rows_per_block(n), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) f(r, r * n);
  });
}

}  // namespace

void CpuBackend::softmax(const Tensor& x, Tensor& y) {
  if (is_bfloat16(x)) return in_float32([&](Widened& wide) { softmax(wide.in(x), wide.out(y)); });
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    for_rows(x, [=, n = x.size(-1)](std::int64_t, std::int64_t at) {
      const T *value = in + at, maximum = lane_max(value, n);
      T* result = out + at;
      for (std::int64_t i = 0; i < n; ++i) result[i] = vector_math::exp(value[i] - maximum);
      const T factor = static_cast<T>(
          1.0 / lane_sum(0, n, [=](std::int64_t i) { return static_cast<double>(result[i]); }));
      for (std::int64_t i = 0; i < n; ++i) result[i] *= factor;
    });
  });
}

void CpuBackend::softmax_backward(const Tensor& y, const Tensor& dy, Tensor& dx) {
  if (is_bfloat16(y))
    return in_float32(
        [&](Widened& wide) { softmax_backward(wide.in(y), wide.in(dy), wide.out(dx)); });
  with_float(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *value = y.data<T>(), *gradient = dy.data<T>();
    T* out = dx.data<T>();
    for_rows(y, [=, n = y.size(-1)](std::int64_t, std::int64_t at) {
      const T mean = static_cast<T>(lane_sum(at, at + n, [=](std::int64_t i) {
        return static_cast<double>(value[i]) * static_cast<double>(gradient[i]);
      }));
      for (std::int64_t i = at; i < at + n; ++i) out[i] = value[i] * (gradient[i] - mean);
    });
  });
}

void CpuBackend::log_softmax(const Tensor& x, Tensor& y) {
  if (is_bfloat16(x))
    return in_float32([&](Widened& wide) { log_softmax(wide.in(x), wide.out(y)); });
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    for_rows(x, [=, n = x.size(-1)](std::int64_t, std::int64_t at) {
      const auto [maximum, sum] = sum_of_exponentials(in + at, n);
      const T logarithm = static_cast<T>(std::log(sum));
      for (std::int64_t i = at; i < at + n; ++i) out[i] = in[i] - maximum - logarithm;
    });
  });
}

void CpuBackend::log_softmax_backward(const Tensor& y, const Tensor& dy, Tensor& dx) {
  if (is_bfloat16(y))
    return in_float32(
        [&](Widened& wide) { log_softmax_backward(wide.in(y), wide.in(dy), wide.out(dx)); });
  with_float(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *value = y.data<T>(), *gradient = dy.data<T>();
    T* out = dx.data<T>();
    for_rows(y, [=, n = y.size(-1)](std::int64_t, std::int64_t at) {
      const T sum = static_cast<T>(
          lane_sum(at, at + n, [=](std::int64_t i) { return static_cast<double>(gradient[i]); }));
      for (std::int64_t i = at; i < at + n; ++i)
        out[i] = gradient[i] - vector_math::exp(value[i]) * sum;
    });
  });
}

void CpuBackend::cross_entropy(const Tensor& x, const Tensor& labels, double smoothing,
                               Tensor& losses) {
  if (is_bfloat16(x))
    return in_float32([&](Widened& wide) { cross_entropy(wide.in(x), labels, smoothing, losses); });
  check_indices("cross_entropy", "label", labels, x.size(-1));
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    const std::int64_t* label = labels.data<std::int64_t>();
    T* out = losses.data<T>();
    for_rows(x, [=, n = x.size(-1)](std::int64_t r, std::int64_t at) {
      const T* value = in + at;
      const auto [maximum, sum] = sum_of_exponentials(value, n);
      const double logarithm = std::log(sum), top = static_cast<double>(maximum);
      double loss = (1.0 - smoothing) * (top - static_cast<double>(value[label[r]]) + logarithm);
      if (smoothing != 0.0)
        loss += smoothing / static_cast<double>(n) * lane_sum(0, n, [=](std::int64_t i) {
                  return top - static_cast<double>(value[i]) + logarithm;
                });
      out[r] = static_cast<T>(loss);
    });
  });
}

void CpuBackend::cross_entropy_backward(const Tensor& x, const Tensor& labels, double smoothing,
                                        const Tensor& dlosses, Tensor& dx) {
  if (is_bfloat16(x))
    return in_float32([&](Widened& wide) {
      cross_entropy_backward(wide.in(x), labels, smoothing, dlosses, wide.out(dx));
    });
  check_indices("cross_entropy_backward", "label", labels, x.size(-1));
  softmax(x, dx);
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t* label = labels.data<std::int64_t>();
    const T* gradient = dlosses.data<T>();
    T* out = dx.data<T>();
    const T hot = static_cast<T>(1.0 - smoothing);
    const T cold = static_cast<T>(smoothing / static_cast<double>(x.size(-1)));
    for_rows(x, [=, n = x.size(-1)](std::int64_t r, std::int64_t at) {
      out[at + label[r]] -= hot;
      for (std::int64_t i = at; i < at + n; ++i) out[i] = (out[i] - cold) * gradient[r];
    });
  });
}

}  // namespace polder::kernels::cpu
