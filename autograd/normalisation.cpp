#include "polder/autograd/functions.h"
#include "polder/autograd/results.h"

namespace polder::autograd {
namespace {

/// Mean and inverse deviation of a normalisation, as the back end measured them.
struct Moments {
  Tensor mean, inv_std;
};

void require_scales(std::string_view function, const Variable& x, const Variable& gamma,
                    const Variable& beta) {
  require_same_kind(function, gamma, beta);
  require(gamma.dtype() == accumulation_type(x.dtype()) && gamma.device() == x.device(),
          "{}: gamma {} on {} for x {} on {}, wanted {} there", function, gamma.dtype(),
          gamma.device(), x.dtype(), x.device(), accumulation_type(x.dtype()));
  require(x.rank() > 0, "{}: a scalar cannot be normalised", function);
  const Shape wanted{x.size(-1)};
  require(gamma.shape() == wanted && beta.shape() == wanted,
          "{}: gamma {} and beta {} for x {}, wanted {}", function, gamma.shape(), beta.shape(),
          x.shape(), wanted);
}

Variable mean_to(const Variable& x, const Shape& shape, Broadcast broadcast) {
  const auto ratio = static_cast<double>(shape.numel()) / static_cast<double>(x.value().numel());
  return affine(sum_to(x, shape, broadcast), ratio);
}

/// The gradients of y = (x - mean) inv_std gamma + beta written in differentiable functions, for x
/// [rows, n]. The moments have shape `moments` and meet x by `across`: per channel for batch norm,
/// per row for layer norm. With h = (x - mean) inv_std and g = gamma dy:
///
///   dx = inv_std (g - mean(g) - h mean(g h)),  dgamma = sum(dy h),  dbeta = sum(dy)
Variables normalisation_gradient(const Variable& x, const Variable& gamma, const Variable& dy,
                                 const Needs& needs, double epsilon, const Shape& moments,
                                 Broadcast across) {
  const Variable centred = sub(x, mean_to(x, moments, across), across);
  const Variable variance = mean_to(square(centred), moments, across);
  const Variable inv_std = rsqrt(affine(variance, 1.0, epsilon));
  const Variable h = mul(centred, inv_std, across);
  Variable dx, dgamma, dbeta;
  if (needs[0]) {
    const Variable g = mul(dy, gamma, Broadcast::trailing);
    const Variable along_h = mul(h, mean_to(mul(g, h), moments, across), across);
    const Variable across_h = sub(sub(g, mean_to(g, moments, across), across), along_h);
    dx = mul(across_h, inv_std, across);
  }
  if (needs[1]) dgamma = sum_to(mul(dy, h), gamma.shape(), Broadcast::trailing);
  if (needs[2]) dbeta = sum_to(dy, gamma.shape(), Broadcast::trailing);
  return {dx, dgamma, dbeta};
}

using FusedBackward = void (kernels::Backend::*)(const Tensor& x, const Tensor& gamma,
                                                 const Tensor& mean, const Tensor& inv_std,
                                                 const Tensor& dy, Tensor& dx, Tensor& dgamma,
                                                 Tensor& dbeta);

/// Records y = normalisation(x [rows, n]) with its fused gradient and its differentiable one.
Variable normalised(Tensor y, const Variable& x, const Variable& gamma, const Variable& beta,
                    double epsilon, const Moments& moments, Broadcast across,
                    FusedBackward backward) {
  const auto gradient = [x, gamma, epsilon, moments, across, backward](
                            const Variable&, const Variable& dy, const Needs& needs) -> Variables {
    if (recording())
      return normalisation_gradient(x, gamma, dy, needs, epsilon, moments.mean.shape(), across);
    Tensor dx = empty_like(x.value());
    Tensor dgamma = empty_like(gamma.value());
    Tensor dbeta = empty_like(gamma.value());
    (kernels::backend_of(dx).*backward)(x.value(), gamma.value(), moments.mean, moments.inv_std,
                                        dy.value(), dx, dgamma, dbeta);
    return {Variable(dx), Variable(dgamma), Variable(dbeta)};
  };
  return Variable::result(std::move(y), {x, gamma, beta}, gradient);
}

/// x as [rows, n] with n its last axis, differentiably.
Variable rows_of(const Variable& x) { return reshape(x, as_rows(x.value()).shape()); }

}  // namespace

Variable batch_norm(const Variable& x, const Variable& gamma, const Variable& beta, double epsilon,
                    BatchStatistics* statistics) {
  require_scales("batch_norm", x, gamma, beta);
  const Variable rows = rows_of(x);
  require(rows.size(0) > 0, "batch_norm: no rows in {}", x.shape());
  Tensor y = empty_like(rows.value());
  Moments moments{empty_like(gamma.value()), empty_like(gamma.value())};
  kernels::backend_of(y).batch_norm(rows.value(), gamma.value(), beta.value(), epsilon, y,
                                    moments.mean, moments.inv_std);
  if (statistics != nullptr) *statistics = {moments.mean, moments.inv_std, rows.size(0)};
  return reshape(normalised(y, rows, gamma, beta, epsilon, moments, Broadcast::trailing,
                            &kernels::Backend::batch_norm_backward),
                 x.shape());
}

Variable batch_norm_inference(const Variable& x, const Variable& gamma, const Variable& beta,
                              const Tensor& mean, const Tensor& variance, double epsilon) {
  require_scales("batch_norm_inference", x, gamma, beta);
  require(mean.shape() == gamma.shape() && variance.shape() == gamma.shape(),
          "batch_norm_inference: mean {} and variance {} for x {}, wanted {}", mean.shape(),
          variance.shape(), x.shape(), gamma.shape());
  if (x.dtype() != gamma.dtype()) {
    const Variable wide = cast(x, gamma.dtype());
    return cast(batch_norm_inference(wide, gamma, beta, mean, variance, epsilon), x.dtype());
  }
  const Variable inv_std = rsqrt(affine(Variable(variance), 1.0, epsilon));
  const Variable scale = mul(gamma, inv_std);
  const Variable shift = sub(beta, mul(scale, Variable(mean)));
  return add(mul(x, scale, Broadcast::trailing), shift, Broadcast::trailing);
}

Variable layer_norm(const Variable& x, const Variable& gamma, const Variable& beta,
                    double epsilon) {
  require_scales("layer_norm", x, gamma, beta);
  require(x.size(-1) > 0, "layer_norm: rows without elements: {}", x.shape());
  const Variable rows = rows_of(x);
  Tensor y = empty_like(rows.value());
  const Shape per_row{rows.size(0)};
  Moments moments{empty_like(gamma.value(), per_row), empty_like(gamma.value(), per_row)};
  kernels::backend_of(y).layer_norm(rows.value(), gamma.value(), beta.value(), epsilon, y,
                                    moments.mean, moments.inv_std);
  return reshape(normalised(y, rows, gamma, beta, epsilon, moments, Broadcast::leading,
                            &kernels::Backend::layer_norm_backward),
                 x.shape());
}

}  // namespace polder::autograd
