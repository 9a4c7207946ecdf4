#include "polder/optim/flat.h"

#include <algorithm>

#include "polder/optim/scalars.h"

namespace polder::optim {

using kernels::backend_of;
using kernels::Binary;
using kernels::Broadcast;
using kernels::Unary;

namespace {

void clear_padding(const nn::ParameterArena& arena, Tensor& flat) {
  const auto& offsets = arena.table().host_offsets;
  for (std::size_t s = 0; s < arena.segments().size(); ++s) {
    const std::int64_t end = arena.segments()[s].offset + arena.segments()[s].shape.numel();
    if (end == offsets[s + 1]) continue;
    Tensor padding = flat.slice(end, offsets[s + 1]);
    backend_of(flat).fill(0.0, padding);
  }
}

}  // namespace

Tensor dot(const Tensor& x, const Tensor& y) {
  Tensor out = Tensor::empty(Shape{}, DType::float64, x.device());
  backend_of(x).dot(x, y, out);
  return out;
}

Tensor squared_norm(const Tensor& x) { return dot(x, x); }

Tensor norm(const Tensor& x) { return map(Unary::sqrt, squared_norm(x)); }

void add(double alpha, const Tensor& x, Tensor& y) { mix(alpha, x, 1.0, y); }

void add(const Tensor& alpha, const Tensor& x, Tensor& y) {
  mix(alpha, x, constant(1.0, y.device()), y);
}

void mix(double alpha, const Tensor& x, double beta, Tensor& y) {
  backend_of(y).axpby(alpha, x, beta, y);
}

void mix(const Tensor& alpha, const Tensor& x, const Tensor& beta, Tensor& y) {
  backend_of(y).scaled_add(alpha, x, beta, y);
}

void scale_by(const Tensor& alpha, Tensor& x) {
  Tensor factor = Tensor::empty(Shape{}, x.dtype(), x.device());
  backend_of(x).cast(alpha, factor);
  backend_of(x).binary(Binary::mul, x, factor, Broadcast::trailing, x);
}

void multiply(const Tensor& y, Tensor& x) {
  backend_of(x).binary(Binary::mul, x, y, Broadcast::none, x);
}

void normalise(Tensor& x) { scale_by(map(Unary::reciprocal, affine(norm(x), 1.0, 1e-12)), x); }

Tensor projection(const Tensor& x, const Tensor& y) { return share(dot(x, y), squared_norm(y)); }

void remove_projection(const Tensor& y, Tensor& x) { add(affine(projection(x, y), -1.0), y, x); }

void fill_weights(const nn::ParameterArena& arena, double value, Tensor& flat) {
  backend_of(flat).fill(value, flat);
  clear_padding(arena, flat);
}

void keep_only(const nn::ParameterArena& arena, std::initializer_list<nn::SegmentKind> kinds,
               Tensor& flat) {
  for (const nn::Segment& segment : arena.segments()) {
    if (std::find(kinds.begin(), kinds.end(), segment.kind) != kinds.end()) continue;
    Tensor part = arena.part(flat, segment);
    backend_of(flat).fill(0.0, part);
  }
}

void draw_normal(const nn::ParameterArena& arena, RandomKey key, double deviation, Tensor& flat) {
  backend_of(flat).random_normal(key, 0.0, deviation, flat);
  clear_padding(arena, flat);
}

void draw_uniform(const nn::ParameterArena& arena, RandomKey key, Tensor& flat) {
  backend_of(flat).random_uniform(key, 0.0, 1.0, flat);
  clear_padding(arena, flat);
}

}  // namespace polder::optim
