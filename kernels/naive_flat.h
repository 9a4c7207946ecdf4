#pragma once

#include <span>

#include "polder/kernels/backend.h"

/// The same steps as the flat kernels of the back end, the way one writes them first: tensor by
/// tensor, one general function after the other, a temporary for every intermediate. Slower by the
/// bytes they move; here to be read beside the flat kernels, and to be compared with them in tests
/// and benches.
///
/// A list of tensors stands for the weights of a model, other lists for their gradients and
/// moments, in the same order and shapes. Scalars come back to the host, as in the usual recipe.
/// Every function uses the general functions of `Backend` only.
namespace polder::kernels::naive {

using Tensors = std::span<const Tensor>;

/// Source of T T in an ascent step: T = 1, or T = |w| + xi on every tensor.
struct Metric {
  bool adaptive = false;
  double xi = 0.0;
};

/// sqrt(sum over the tensors of ||T g||^2): the norm of the norms of the tensors.
double norm(Backend& backend, Tensors weights, Tensors gradients, Metric metric = {});

/// w <- w + rho T T g / (norm + 1e-12), in place, and the old weights: the first half of the
/// two-step recipe. Copy them back with `restore`.
std::vector<Tensor> perturb(Backend& backend, Tensors weights, Tensors gradients, double rho,
                            Metric metric = {});

/// w <- backup, tensor by tensor.
void restore(Tensors weights, Tensors backup);

/// SGD with momentum; see Backend::sgd_update for the formula.
void sgd(Backend& backend, const SgdCoefficients& coefficients, double rate, Tensors weights,
         Tensors gradients, Tensors momenta);

/// Adam and AdamW; see Backend::adam_update for the formula.
void adam(Backend& backend, const AdamCoefficients& coefficients, double rate, Tensors weights,
          Tensors gradients, Tensors first_moments, Tensors second_moments);

}  // namespace polder::kernels::naive
