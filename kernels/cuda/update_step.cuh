#pragma once

#include "polder/kernels/backend.h"
#include "polder/kernels/cuda/launch.cuh"

/// The updates of the base optimizers, element by element, for every kernel that makes one. Each
/// is started once a thread (pass.cuh). Products are added by fma: no compiler has a choice. Step
/// numbers move on with the device's clock (clock.h), so that a recorded update can be replayed.
namespace polder::kernels::POLDER_DEVICE {

/// w <- w - rate (g + lambda w): 12 bytes for each float32 weight.
template <class T>
struct PlainSgd {
  const double* rate;
  T decay;

  PlainSgd(const SgdCoefficients& c, const Tensor& eta)
      : rate(eta.data<double>()), decay(static_cast<T>(c.weight_decay)) {}

  struct Worker {
    T rate, decay;
    __device__ void operator()(std::int64_t, T g, T& w) const {
      w = fma(-rate, fma(decay, w, g), w);
    }
  };
  __device__ Worker start() const { return {static_cast<T>(*rate), decay}; }
};

/// SGD with momentum: 20 bytes.
template <class T>
struct MomentumSgd {
  const double* rate;
  const std::int64_t* clock;
  T momentum, keep, decay;  // keep = 1 - dampening
  bool nesterov, first;

  MomentumSgd(const SgdCoefficients& c, const Tensor& eta, const std::int64_t* steps_later)
      : rate(eta.data<double>()),
        clock(steps_later),
        momentum(static_cast<T>(c.momentum)),
        keep(static_cast<T>(1.0 - c.dampening)),
        decay(static_cast<T>(c.weight_decay)),
        nesterov(c.nesterov),
        first(c.first) {}

  struct Worker {
    T rate, momentum, keep, decay;
    bool nesterov, is_first;
    __device__ void operator()(std::int64_t, T g, T& w, T& m) const {
      const T total = fma(decay, w, g);
      m = is_first ? total : fma(momentum, m, keep * total);
      w = fma(-rate, nesterov ? fma(momentum, m, total) : m, w);
    }
  };
  __device__ Worker start() const {
    return {static_cast<T>(*rate), momentum, keep, decay, nesterov, first && *clock == 0};
  }
};

/// base^exponent, the same bits on every device.
__device__ inline double power(double base, std::int64_t exponent) {
  double result = 1;
  for (; exponent > 0; exponent /= 2, base *= base)
    if (exponent % 2 != 0) result *= base;
  return result;
}

/// What one step of Adam is made of, in the element type.
template <class T>
struct AdamFactors {
  T rate, beta1, beta2, rest1, rest2;  // rest = 1 - beta
  T unbias1, unbias2;                  // 1 / (1 - beta^k)
  T epsilon, coupled, decoupled;       // the two forms of weight decay, one of them 0
  bool is_first;                       // k = 1

  /// m^ / (sqrt(v^) + epsilon)
  __device__ T update(T m, T v) const { return m * unbias1 / (sqrt(v * unbias2) + epsilon); }
};

/// Adam's coefficients as an argument of a kernel.
template <class T>
struct AdamArgument {
  const double* rate;  // null: not read
  const std::int64_t* clock;
  double beta1, beta2;
  std::int64_t step;
  T epsilon, coupled, decoupled;

  AdamArgument(const AdamCoefficients& c, const double* eta, const std::int64_t* steps_later)
      : rate(eta),
        clock(steps_later),
        beta1(c.beta1),
        beta2(c.beta2),
        step(c.step),
        epsilon(static_cast<T>(c.epsilon)),
        coupled(static_cast<T>(c.decoupled ? 0.0 : c.weight_decay)),
        decoupled(static_cast<T>(c.decoupled ? c.weight_decay : 0.0)) {}

  __device__ AdamFactors<T> factors() const {
    const std::int64_t k = step + *clock;
    return {.rate = static_cast<T>(rate != nullptr ? *rate : 0),
            .beta1 = static_cast<T>(beta1),
            .beta2 = static_cast<T>(beta2),
            .rest1 = static_cast<T>(1 - beta1),
            .rest2 = static_cast<T>(1 - beta2),
            .unbias1 = static_cast<T>(1 / (1 - power(beta1, k))),
            .unbias2 = static_cast<T>(1 / (1 - power(beta2, k))),
            .epsilon = epsilon,
            .coupled = coupled,
            .decoupled = decoupled,
            .is_first = k == 1};
  }
};

/// Adam and AdamW: 28 bytes.
template <class T>
struct AdamUpdate {
  AdamArgument<T> argument;

  struct Worker {
    AdamFactors<T> adam;
    __device__ void operator()(std::int64_t, T g, T& w, T& m, T& v) const {
      const T total = fma(adam.coupled, w, g);
      m = fma(adam.beta1, m, adam.rest1 * total);
      v = fma(adam.beta2, v, adam.rest2 * total * total);
      w = fma(-adam.rate, fma(adam.decoupled, w, adam.update(m, v)), w);
    }
  };
  __device__ Worker start() const { return {argument.factors()}; }
};

}  // namespace polder::kernels::POLDER_DEVICE
