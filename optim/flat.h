#pragma once

#include "polder/core/random.h"
#include "polder/nn/parameter_arena.h"

/// Arithmetic on flat tensors (gradients, directions, memories) whose coefficients live on the
/// device: 0-d float64 tensors, so that nothing is read back. All of it is composed of
/// kernels::Backend functions; padding stays zero unless the line says otherwise.
namespace polder::optim {

/// <x, y>, ||x||^2, ||x||: 0-d float64.
Tensor dot(const Tensor& x, const Tensor& y);
Tensor squared_norm(const Tensor& x);
Tensor norm(const Tensor& x);

/// y <- alpha x + y and y <- alpha x + beta y: neutral coefficients are exact.
void add(double alpha, const Tensor& x, Tensor& y);
void add(const Tensor& alpha, const Tensor& x, Tensor& y);
void mix(double alpha, const Tensor& x, double beta, Tensor& y);
void mix(const Tensor& alpha, const Tensor& x, const Tensor& beta, Tensor& y);
/// x <- alpha x; x <- x o y (elementwise).
void scale_by(const Tensor& alpha, Tensor& x);
void multiply(const Tensor& y, Tensor& x);
/// x <- dir(x) = x / (||x|| + c), c = 1e-12.
void normalise(Tensor& x);

/// <x, y> / ||y||^2, the length of x along y in units of y; 0 when y is 0. 0-d float64.
Tensor projection(const Tensor& x, const Tensor& y);
/// x <- perp(x; y) = x - projection(x, y) y; x itself when y is 0.
void remove_projection(const Tensor& y, Tensor& x);

/// Writes value to every weight and 0 to the padding.
void fill_weights(const nn::ParameterArena& arena, double value, Tensor& flat);
/// Writes 0 to the segments whose kind is not listed.
void keep_only(const nn::ParameterArena& arena, std::initializer_list<nn::SegmentKind> kinds,
               Tensor& flat);
/// Independent normal numbers of mean 0 at every weight, 0 in the padding. The same key gives the
/// same noise; weight i of the flat tensor takes element i of the stream.
void draw_normal(const nn::ParameterArena& arena, RandomKey key, double deviation, Tensor& flat);
/// Independent uniform numbers in [0, 1) at every weight, 0 in the padding.
void draw_uniform(const nn::ParameterArena& arena, RandomKey key, Tensor& flat);

}  // namespace polder::optim
