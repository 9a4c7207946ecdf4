#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/dispatch.h"
#include "polder/kernels/cuda/row_scope.cuh"

// Bytes to move per float32 element: softmax and log_softmax 8, their gradients 12, cross_entropy
// 4, its gradient 8.
namespace polder::kernels::POLDER_DEVICE {
namespace {

/// The sum of exp(x - max x) over a row and that maximum; subtracting it keeps huge logits finite.
template <class T>
struct Exponentials {
  Wide<T> maximum;
  double sum;
};

template <class Scope, class T>
__device__ Exponentials<T> sum_of_exponentials(std::int64_t n, const T* x) {
  const Wide<T> maximum = row_max<Scope>(n, x);
  return {maximum, row_sum<Scope>(n, [=](std::int64_t i) { return exp(widen(x[i]) - maximum); })};
}

template <class Scope, class T>
__global__ __launch_bounds__(kLongRowThreads) void softmax_rows(std::int64_t rows, std::int64_t n,
                                                                const T* x, T* y) {
  for_rows<Scope>(rows, [=](std::int64_t r) {
    const T* in = x + r * n;
    T* out = y + r * n;
    const Exponentials<T> all = sum_of_exponentials<Scope>(n, in);
    const Wide<T> factor = static_cast<Wide<T>>(1 / all.sum);
    for_elements<Scope>(n, [=](std::int64_t i) {
      out[i] = static_cast<T>(exp(widen(in[i]) - all.maximum) * factor);
    });
  });
}

template <class Scope, class T>
__global__ __launch_bounds__(kLongRowThreads) void log_softmax_rows(std::int64_t rows,
                                                                    std::int64_t n, const T* x,
                                                                    T* y) {
  for_rows<Scope>(rows, [=](std::int64_t r) {
    const T* in = x + r * n;
    T* out = y + r * n;
    const Exponentials<T> all = sum_of_exponentials<Scope>(n, in);
    const Wide<T> logarithm = static_cast<Wide<T>>(log(all.sum));
    for_elements<Scope>(n, [=](std::int64_t i) {
      out[i] = static_cast<T>(widen(in[i]) - all.maximum - logarithm);
    });
  });
}

/// dx = y (dy - <y, dy>)
template <class Scope, class T>
__global__ __launch_bounds__(kLongRowThreads) void softmax_gradients(std::int64_t rows,
                                                                     std::int64_t n, const T* y,
                                                                     const T* dy, T* dx) {
  for_rows<Scope>(rows, [=](std::int64_t r) {
    const T *value = y + r * n, *gradient = dy + r * n;
    T* out = dx + r * n;
    const Wide<T> mean = static_cast<Wide<T>>(row_sum<Scope>(n, [=](std::int64_t i) {
      return static_cast<double>(value[i]) * static_cast<double>(gradient[i]);
    }));
    for_elements<Scope>(n, [=](std::int64_t i) {
      out[i] = static_cast<T>(widen(value[i]) * (widen(gradient[i]) - mean));
    });
  });
}

/// dx = dy - exp(y) sum dy
template <class Scope, class T>
__global__ __launch_bounds__(kLongRowThreads) void log_softmax_gradients(std::int64_t rows,
                                                                         std::int64_t n, const T* y,
                                                                         const T* dy, T* dx) {
  for_rows<Scope>(rows, [=](std::int64_t r) {
    const T *value = y + r * n, *gradient = dy + r * n;
    T* out = dx + r * n;
    const Wide<T> sum =
        static_cast<Wide<T>>(row_sum<Scope>(n, [=](std::int64_t i) { return gradient[i]; }));
    for_elements<Scope>(n, [=](std::int64_t i) {
      out[i] = static_cast<T>(widen(gradient[i]) - exp(widen(value[i])) * sum);
    });
  });
}

/// The target of a row of n classes: `hot` more on the label than the `cold` of all classes.
struct Target {
  double hot, cold;
};

Target smoothed(double smoothing, std::int64_t n) {
  return {1 - smoothing, smoothing / static_cast<double>(n)};
}

__device__ bool is_class(std::int64_t label, std::int64_t n) { return label >= 0 && label < n; }

template <class Scope, class T>
__global__ __launch_bounds__(kLongRowThreads) void cross_entropies(std::int64_t rows,
                                                                   std::int64_t n, Target target,
                                                                   const T* x,
                                                                   const std::int64_t* labels,
                                                                   Wide<T>* losses) {
  for_rows<Scope>(rows, [=](std::int64_t r) {
    const T* in = x + r * n;
    const Exponentials<T> all = sum_of_exponentials<Scope>(n, in);
    const double top = static_cast<double>(all.maximum), logarithm = log(all.sum);
    double others = 0;
    if (target.cold != 0)
      others = row_sum<Scope>(
          n, [=](std::int64_t i) { return top - static_cast<double>(in[i]) + logarithm; });
    if (Scope::thread() != 0) return;
    const std::int64_t label = labels[r];
    losses[r] =
        is_class(label, n)
            ? static_cast<Wide<T>>(target.hot * (top - static_cast<double>(in[label]) + logarithm) +
                                   target.cold * others)
            : std::numeric_limits<Wide<T>>::quiet_NaN();
  });
}

template <class Scope, class T>
__global__ __launch_bounds__(kLongRowThreads) void cross_entropy_gradients(
    std::int64_t rows, std::int64_t n, Target target, const T* x, const std::int64_t* labels,
    const Wide<T>* dlosses, T* dx) {
  const Wide<T> hot = static_cast<Wide<T>>(target.hot), cold = static_cast<Wide<T>>(target.cold);
  for_rows<Scope>(rows, [=](std::int64_t r) {
    const T* in = x + r * n;
    T* out = dx + r * n;
    const Exponentials<T> all = sum_of_exponentials<Scope>(n, in);
    const Wide<T> factor = static_cast<Wide<T>>(1 / all.sum);
    const std::int64_t label = labels[r];
    const Wide<T> gradient =
        is_class(label, n) ? dlosses[r] : std::numeric_limits<Wide<T>>::quiet_NaN();
    for_elements<Scope>(n, [=](std::int64_t i) {
      const Wide<T> probability = exp(widen(in[i]) - all.maximum) * factor;
      const Wide<T> hit = i == label ? hot : Wide<T>{0};
      out[i] = static_cast<T>((probability - hit - cold) * gradient);
    });
  });
}

/// Calls f(T{}, scope, launch shape, rows, n) for the rows of x, unless there are none.
template <class F>
void with_rows(const Runtime& runtime, const Tensor& x, F&& f,
               std::source_location where = std::source_location::current()) {
  const std::int64_t n = x.size(-1);
  if (x.numel() == 0) return;
  with_floating(x.dtype(), [&](auto zero) {
    with_row_scope(
        runtime, x.numel() / n, n,
        [&](auto scope, const Launch& shape) { f(zero, scope, shape, x.numel() / n, n); }, where);
  });
}

}  // namespace

void DeviceBackend::softmax(const Tensor& x, Tensor& y) {
  with_rows(*runtime_, x, [&](auto zero, auto scope, const Launch& shape, auto rows, auto n) {
    using T = decltype(zero);
    launch(*runtime_, shape, softmax_rows<decltype(scope), T>, rows, n, x.data<T>(), y.data<T>());
  });
}

void DeviceBackend::softmax_backward(const Tensor& y, const Tensor& dy, Tensor& dx) {
  with_rows(*runtime_, y, [&](auto zero, auto scope, const Launch& shape, auto rows, auto n) {
    using T = decltype(zero);
    launch(*runtime_, shape, softmax_gradients<decltype(scope), T>, rows, n, y.data<T>(),
           dy.data<T>(), dx.data<T>());
  });
}

void DeviceBackend::log_softmax(const Tensor& x, Tensor& y) {
  with_rows(*runtime_, x, [&](auto zero, auto scope, const Launch& shape, auto rows, auto n) {
    using T = decltype(zero);
    launch(*runtime_, shape, log_softmax_rows<decltype(scope), T>, rows, n, x.data<T>(),
           y.data<T>());
  });
}

void DeviceBackend::log_softmax_backward(const Tensor& y, const Tensor& dy, Tensor& dx) {
  with_rows(*runtime_, y, [&](auto zero, auto scope, const Launch& shape, auto rows, auto n) {
    using T = decltype(zero);
    launch(*runtime_, shape, log_softmax_gradients<decltype(scope), T>, rows, n, y.data<T>(),
           dy.data<T>(), dx.data<T>());
  });
}

void DeviceBackend::cross_entropy(const Tensor& x, const Tensor& labels, double smoothing,
                                  Tensor& losses) {
  with_rows(*runtime_, x, [&](auto zero, auto scope, const Launch& shape, auto rows, auto n) {
    using T = decltype(zero);
    launch(*runtime_, shape, cross_entropies<decltype(scope), T>, rows, n, smoothed(smoothing, n),
           x.data<T>(), labels.data<std::int64_t>(), losses.data<Wide<T>>());
  });
}

void DeviceBackend::cross_entropy_backward(const Tensor& x, const Tensor& labels, double smoothing,
                                           const Tensor& dlosses, Tensor& dx) {
  with_rows(*runtime_, x, [&](auto zero, auto scope, const Launch& shape, auto rows, auto n) {
    using T = decltype(zero);
    launch(*runtime_, shape, cross_entropy_gradients<decltype(scope), T>, rows, n,
           smoothed(smoothing, n), x.data<T>(), labels.data<std::int64_t>(),
           dlosses.data<Wide<T>>(), dx.data<T>());
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
