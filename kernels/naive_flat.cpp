#include "polder/kernels/naive_flat.h"

#include <cmath>

namespace polder::kernels::naive {
namespace {

constexpr double kNormGuard = 1e-12;

Tensor like(const Tensor& x) { return Tensor::empty(x.shape(), x.dtype(), x.device()); }

/// T g of one tensor.
Tensor stretched(Backend& backend, const Tensor& weight, const Tensor& gradient, Metric metric) {
  if (!metric.adaptive) return gradient.clone();
  Tensor result = like(weight);
  backend.unary(Unary::abs, weight, result);
  backend.affine(result, 1.0, metric.xi, result);
  backend.binary(Binary::mul, result, gradient, Broadcast::none, result);
  return result;
}

/// T T g of one tensor.
Tensor twice_stretched(Backend& backend, const Tensor& weight, const Tensor& gradient,
                       Metric metric) {
  return stretched(backend, weight, stretched(backend, weight, gradient, metric), metric);
}

/// G = g + lambda w.
Tensor decayed(Backend& backend, const Tensor& weight, const Tensor& gradient, double decay) {
  Tensor result = gradient.clone();
  if (decay != 0.0) backend.axpby(decay, weight, 1.0, result);
  return result;
}

}  // namespace

double norm(Backend& backend, Tensors weights, Tensors gradients, Metric metric) {
  double total = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const Tensor direction = stretched(backend, weights[i], gradients[i], metric);
    Tensor squares = like(direction);
    backend.unary(Unary::square, direction, squares);
    Tensor sum = Tensor::empty({}, squares.dtype(), squares.device());
    backend.reduce(Reduction::sum, squares, {1, squares.numel(), 1}, sum);
    total += sum.item();
  }
  return std::sqrt(total);
}

std::vector<Tensor> perturb(Backend& backend, Tensors weights, Tensors gradients, double rho,
                            Metric metric) {
  const double scale = rho / (norm(backend, weights, gradients, metric) + kNormGuard);
  std::vector<Tensor> backup;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    Tensor weight = weights[i];
    backup.push_back(weight.clone());
    Tensor step = twice_stretched(backend, weight, gradients[i], metric);
    backend.affine(step, scale, 0.0, step);
    backend.binary(Binary::add, weight, step, Broadcast::none, weight);
  }
  return backup;
}

void restore(Tensors weights, Tensors backup) {
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i].copy_from(backup[i]);
}

void sgd(Backend& backend, const SgdCoefficients& c, double rate, Tensors weights,
         Tensors gradients, Tensors momenta) {
  for (std::size_t i = 0; i < weights.size(); ++i) {
    Tensor weight = weights[i];
    Tensor update = decayed(backend, weight, gradients[i], c.weight_decay);
    if (c.momentum != 0.0) {
      Tensor momentum = momenta[i];
      if (c.first)
        momentum.copy_from(update);
      else
        backend.axpby(1.0 - c.dampening, update, c.momentum, momentum);
      backend.axpby(c.nesterov ? c.momentum : 1.0, momentum, c.nesterov ? 1.0 : 0.0, update);
    }
    backend.axpby(-rate, update, 1.0, weight);
  }
}

void adam(Backend& backend, const AdamCoefficients& c, double rate, Tensors weights,
          Tensors gradients, Tensors first_moments, Tensors second_moments) {
  const double step = static_cast<double>(c.step);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    Tensor weight = weights[i], m = first_moments[i], v = second_moments[i];
    const double coupled = c.decoupled ? 0.0 : c.weight_decay;
    Tensor gradient = decayed(backend, weight, gradients[i], coupled);
    backend.axpby(1.0 - c.beta1, gradient, c.beta1, m);
    backend.unary(Unary::square, gradient, gradient);
    backend.axpby(1.0 - c.beta2, gradient, c.beta2, v);

    Tensor denominator = like(v), update = like(m);
    backend.affine(v, 1.0 / (1.0 - std::pow(c.beta2, step)), 0.0, denominator);
    backend.unary(Unary::sqrt, denominator, denominator);
    backend.affine(denominator, 1.0, c.epsilon, denominator);
    backend.affine(m, 1.0 / (1.0 - std::pow(c.beta1, step)), 0.0, update);
    backend.binary(Binary::div, update, denominator, Broadcast::none, update);
    if (c.decoupled) backend.affine(weight, 1.0 - rate * c.weight_decay, 0.0, weight);
    backend.axpby(-rate, update, 1.0, weight);
  }
}

}  // namespace polder::kernels::naive
