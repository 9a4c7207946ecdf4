#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/dispatch.h"
#include "polder/kernels/cuda/pass.cuh"
#include "polder/kernels/cuda/update_step.cuh"

namespace polder::kernels::POLDER_DEVICE {
namespace {

/// q <- D q, D of the step just made: 16 bytes, 20 with coupled decay (w is read too).
template <class T>
struct AdamDerivative {
  AdamArgument<T> argument;

  struct Worker {
    AdamFactors<T> adam;

    /// D from G and the new moments.
    __device__ T derivative(T g, T m, T v) const {
      if (adam.is_first) {  // the two terms below cancel but for epsilon
        const T denominator = abs(g) + adam.epsilon;
        return adam.epsilon / denominator / denominator;
      }
      const T root = sqrt(v * adam.unbias2), denominator = root + adam.epsilon;
      const T product = m * adam.unbias1 * (adam.rest2 * adam.unbias2) * g;
      const T second = root > 0 ? product / (root * denominator) : T{0};
      return (adam.rest1 * adam.unbias1 - second) / denominator;
    }
    __device__ void operator()(std::int64_t, T g, T m, T v, T& q) const {
      q *= derivative(g, m, v);
    }
    __device__ void operator()(std::int64_t, T g, T w, T m, T v, T& q) const {
      const T before = fma(adam.rate, adam.update(m, v), w);
      q *= derivative(fma(adam.coupled, before, g), m, v);
    }
  };
  __device__ Worker start() const { return {argument.factors()}; }
};

}  // namespace

void DeviceBackend::sgd_update(const SgdCoefficients& coefficients, const Tensor& rate,
                               const Tensor& g, Tensor& w, Tensor& momentum, const Tensor& copy) {
  with_float(w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t n = w.numel();
    const Input<T> gradient{g.data<T>()};
    with_copy(InOut<T>{w.data<T>()}, copy, [&](auto weight) {
      if (coefficients.momentum == 0.0)
        pass(*runtime_, n, PlainSgd<T>(coefficients, rate), gradient, weight);
      else
        pass(*runtime_, n, MomentumSgd<T>(coefficients, rate, runtime_->clock()), gradient, weight,
             InOut<T>{momentum.data<T>()});
    });
  });
}

void DeviceBackend::adam_update(const AdamCoefficients& coefficients, const Tensor& rate,
                                const Tensor& g, Tensor& w, Tensor& m, Tensor& v,
                                const Tensor& copy) {
  with_float(w.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const AdamUpdate<T> update{{coefficients, rate.data<double>(), runtime_->clock()}};
    with_copy(InOut<T>{w.data<T>()}, copy, [&](auto weight) {
      pass(*runtime_, w.numel(), update, Input<T>{g.data<T>()}, weight, InOut<T>{m.data<T>()},
           InOut<T>{v.data<T>()});
    });
  });
}

void DeviceBackend::adam_derivative(const AdamCoefficients& coefficients, const Tensor& rate,
                                    const Tensor& g, const Tensor& w, const Tensor& m,
                                    const Tensor& v, Tensor& q) {
  const bool coupled = !coefficients.decoupled && coefficients.weight_decay != 0.0;
  with_float(q.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const AdamDerivative<T> derivative{
        {coefficients, coupled ? rate.data<double>() : nullptr, runtime_->clock()}};
    const Input<T> gradient{g.data<T>()}, first{m.data<T>()}, second{v.data<T>()};
    const InOut<T> out{q.data<T>()};
    if (coupled)
      pass(*runtime_, q.numel(), derivative, gradient, Input<T>{w.data<T>()}, first, second, out);
    else
      pass(*runtime_, q.numel(), derivative, gradient, first, second, out);
  });
}

}  // namespace polder::kernels::POLDER_DEVICE
