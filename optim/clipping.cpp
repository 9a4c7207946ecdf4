#include "polder/optim/clipping.h"

#include "polder/kernels/backend.h"

namespace polder::optim {

using kernels::Backend;
using kernels::backend_of;
using kernels::Binary;
using kernels::Broadcast;
using kernels::Unary;

namespace {

Tensor make_scalar(const Tensor& like) {
  return Tensor::empty(Shape{}, DType::float64, like.device());
}

/// x <- scale x, the scale a 0-d float64 tensor.
void scale_by(const Tensor& scale, Tensor& x) {
  Backend& backend = backend_of(x);
  Tensor factor = Tensor::empty(Shape{}, x.dtype(), x.device());
  backend.cast(scale, factor);
  backend.binary(Binary::mul, x, factor, Broadcast::trailing, x);
}

/// 1 where the limit acts, else 0.
Tensor limit_acts(const Clipping& clipping) {
  Backend& backend = backend_of(clipping.squared_norm);
  Tensor acts = make_scalar(clipping.squared_norm);
  backend.unary(Unary::sqrt, clipping.squared_norm, acts);
  backend.affine(acts, 1.0, 1e-12 - clipping.limit, acts);
  backend.unary(Unary::step, acts, acts);
  return acts;
}

/// min(1, limit / (||G|| + c)), computed as clip computes it: by clipping the number 1.
Tensor clip_factor(const Clipping& clipping) {
  Backend& backend = backend_of(clipping.squared_norm);
  Tensor factor = make_scalar(clipping.squared_norm);
  backend.fill(1.0, factor);
  backend.clip(clipping.limit, clipping.squared_norm, factor);
  return factor;
}

}  // namespace

Clipping clip_gradient(double limit, Tensor& g) {
  if (limit == 0.0) return {};
  Clipping clipping{limit, make_scalar(g)};
  Backend& backend = backend_of(g);
  backend.dot(g, g, clipping.squared_norm);
  backend.clip(limit, clipping.squared_norm, g);
  return clipping;
}

void apply_clip_derivative(const Clipping& clipping, const Tensor& g, Tensor& q) {
  if (clipping.limit == 0.0) return;
  Backend& backend = backend_of(q);
  Tensor along = make_scalar(g), squared = make_scalar(g);
  backend.dot(g, q, along);
  backend.dot(g, g, squared);
  backend.affine(squared, 1.0, 1e-300, squared);  // g = 0: 0 / 1e-300, not 0 / 0
  backend.binary(Binary::div, along, squared, Broadcast::none, along);
  backend.binary(Binary::mul, along, limit_acts(clipping), Broadcast::none, along);
  Tensor parallel = g.clone();
  scale_by(along, parallel);
  backend.binary(Binary::sub, q, parallel, Broadcast::none, q);
  scale_by(clip_factor(clipping), q);
}

}  // namespace polder::optim
