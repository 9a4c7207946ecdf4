#include <cmath>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"
#include "polder/kernels/cpu/parallel.h"

namespace polder::kernels::cpu {
namespace {

/// Coefficients in the element type, so that the loops stay in it.
template <class T>
struct Sgd {
  T rate, momentum, keep, decay;  // keep = 1 - dampening

  Sgd(const SgdCoefficients& c, double eta)
      : rate(static_cast<T>(eta)),
        momentum(static_cast<T>(c.momentum)),
        keep(static_cast<T>(1.0 - c.dampening)),
        decay(static_cast<T>(c.weight_decay)) {}
};

template <class T>
struct Adam {
  T rate, beta1, beta2, rest1, rest2;  // rest = 1 - beta
  T unbias1, unbias2;                  // 1 / (1 - beta^k)
  T epsilon, coupled, decoupled;       // the two forms of weight decay, one of them 0

  Adam(const AdamCoefficients& c, double eta)
      : rate(static_cast<T>(eta)),
        beta1(static_cast<T>(c.beta1)),
        beta2(static_cast<T>(c.beta2)),
        rest1(static_cast<T>(1.0 - c.beta1)),
        rest2(static_cast<T>(1.0 - c.beta2)),
        unbias1(static_cast<T>(1.0 / (1.0 - std::pow(c.beta1, static_cast<double>(c.step))))),
        unbias2(static_cast<T>(1.0 / (1.0 - std::pow(c.beta2, static_cast<double>(c.step))))),
        epsilon(static_cast<T>(c.epsilon)),
        coupled(static_cast<T>(c.decoupled ? 0.0 : c.weight_decay)),
        decoupled(static_cast<T>(c.decoupled ? c.weight_decay : 0.0)) {}
};

/// m^ / (sqrt(v^) + epsilon)
template <class T>
T adam_step(const Adam<T>& adam, T m, T v) {
  return m * adam.unbias1 / (std::sqrt(v * adam.unbias2) + adam.epsilon);
}

/// D of one weight, from G and the new moments.
template <class T>
T derivative(const Adam<T>& adam, T gradient, T m, T v) {
  const T root = std::sqrt(v * adam.unbias2), denominator = root + adam.epsilon;
  const T product = m * adam.unbias1 * (adam.rest2 * adam.unbias2) * gradient;
  const T second = (root > 0 ? product : T{0}) / ((root > 0 ? root : T{1}) * denominator);
  return (adam.rest1 * adam.unbias1 - second) / denominator;
}

/// D at k = 1, where the two terms above cancel but for epsilon.
template <class T>
T first_derivative(const Adam<T>& adam, T gradient) {
  const T denominator = std::abs(gradient) + adam.epsilon;
  return adam.epsilon / denominator / denominator;
}

/// q <- D q on [begin, end). The coefficients come by value: q cannot overwrite them.
template <bool kCoupled, bool kFirst, class T>
void scale_by_derivative(Adam<T> adam, const T* g, const T* w, const T* m, const T* v,
                         std::int64_t begin, std::int64_t end, T* q) {
  for (std::int64_t i = begin; i < end; ++i) {
    T total = g[i];
    if constexpr (kCoupled)
      total += adam.coupled * (w[i] + adam.rate * adam_step(adam, m[i], v[i]));
    q[i] *= kFirst ? first_derivative(adam, total) : derivative(adam, total, m[i], v[i]);
  }
}

/// The bfloat16 copy of weights, where there is one; each block that wrote weights rounds them.
class Copy {
 public:
  explicit Copy(const Tensor& copy) : to_(copy.defined() ? copy.data<bfloat16>() : nullptr) {}
  template <class T>
  void take(const T* weight, std::int64_t begin, std::int64_t end) const {
    if (to_ == nullptr) return;
    for (std::int64_t i = begin; i < end; ++i) to_[i] = bfloat16(weight[i]);
  }

 private:
  bfloat16* to_;
};

}  // namespace

void CpuBackend::sgd_update(const SgdCoefficients& coefficients, const Tensor& rate,
                            const Tensor& g, Tensor& w, Tensor& momentum, const Tensor& copy) {
  with_float(w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Sgd<T> sgd(coefficients, scalar(rate));
    const bool moving = coefficients.momentum != 0.0;
    const bool first = coefficients.first, nesterov = coefficients.nesterov;
    const T* gradient = g.data<T>();
    T *weight = w.data<T>(), *memory = moving ? momentum.data<T>() : nullptr;
    const Copy rounded(copy);
    parallel_blocks(w.numel(), kElementBlock, [=](std::int64_t begin, std::int64_t end) {
      if (!moving)
        for (std::int64_t i = begin; i < end; ++i)
          weight[i] -= sgd.rate * (gradient[i] + sgd.decay * weight[i]);
      else
        for (std::int64_t i = begin; i < end; ++i) {
          const T total = gradient[i] + sgd.decay * weight[i];
          const T m = first ? total : sgd.momentum * memory[i] + sgd.keep * total;
          memory[i] = m;
          weight[i] -= sgd.rate * (nesterov ? total + sgd.momentum * m : m);
        }
      rounded.take(weight, begin, end);
    });
  });
}

void CpuBackend::adam_update(const AdamCoefficients& coefficients, const Tensor& rate,
                             const Tensor& g, Tensor& w, Tensor& m, Tensor& v, const Tensor& copy) {
  with_float(w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Adam<T> adam(coefficients, scalar(rate));
    const T* gradient = g.data<T>();
    T *weight = w.data<T>(), *first = m.data<T>(), *second = v.data<T>();
    const Copy rounded(copy);
    parallel_blocks(w.numel(), kElementBlock, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const T total = gradient[i] + adam.coupled * weight[i];
        first[i] = adam.beta1 * first[i] + adam.rest1 * total;
        second[i] = adam.beta2 * second[i] + adam.rest2 * total * total;
        const T step =
            first[i] * adam.unbias1 / (std::sqrt(second[i] * adam.unbias2) + adam.epsilon);
        weight[i] -= adam.rate * (adam.decoupled * weight[i] + step);
      }
      rounded.take(weight, begin, end);
    });
  });
}

void CpuBackend::adam_derivative(const AdamCoefficients& coefficients, const Tensor& rate,
                                 const Tensor& g, const Tensor& w, const Tensor& m, const Tensor& v,
                                 Tensor& q) {
  const bool coupled = !coefficients.decoupled && coefficients.weight_decay != 0.0;
  with_float(q.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Adam<T> adam(coefficients, coupled ? scalar(rate) : 0.0);
    const T *gradient = g.data<T>(), *first = m.data<T>(), *second = v.data<T>();
    const T* weight = coupled ? w.data<T>() : nullptr;
    T* out = q.data<T>();
    with_flag(coupled, [&](auto is_coupled) {
      with_flag(coefficients.step == 1, [&](auto is_first) {
        parallel_blocks(q.numel(), kElementBlock, [=](std::int64_t begin, std::int64_t end) {
          scale_by_derivative<is_coupled.value, is_first.value>(adam, gradient, weight, first,
                                                                second, begin, end, out);
        });
      });
    });
  });
}

}  // namespace polder::kernels::cpu
