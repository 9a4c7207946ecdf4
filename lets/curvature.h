#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "polder/optim/excursion.h"

namespace polder::lets {

/// How the curvature inside the hypergradient is obtained: H u, with H the Hessian of the training
/// loss at the shifted weights p = w + epsilon and epsilon = rho u.
///
///   exact              H(p) u, differentiating through the backward pass         + 1 product
///   finite_difference  [grad L(p + dr u) - grad L(p - dr u)] / (2 dr)            + 2 gradients
///   secant             [grad L(p) - grad L(w)] unit / scale: H u along the way  free
///   squared_gradient   grad L(p) o grad L(p) o u: a diagonal stand-in for H      free
///
/// `secant` and the form of `squared_gradient` are our reconstruction (docs/methods/lets.md).
enum class Curvature { exact, finite_difference, secant, squared_gradient };
inline constexpr Curvature kCurvatures[] = {Curvature::exact, Curvature::finite_difference,
                                            Curvature::secant, Curvature::squared_gradient};
std::string_view to_string(Curvature curvature);
/// Throws Error naming the nearest known way.
Curvature parse_curvature(const std::string& name);

/// One look of a rule from p: the excursion that stands there, the rows, and the part of G that the
/// look makes up.
struct Look {
  optim::Excursion& excursion;
  const Batch& rows;
  double share = 1.0;
};

/// One way to x = sum over the looks of a step of share H(p) u, u of length 1 in the ascent's
/// metric. x is flat; a step calls every look's `arrived` and `looked`, then `finish` once.
class CurvatureProbe {
 public:
  virtual ~CurvatureProbe() = default;
  /// The rule stands at p; the direction is still in the excursion's ascent. Adds to x.
  virtual void arrived(const Look& look, Tensor& x) = 0;
  /// g holds grad L(p). Adds to x.
  virtual void looked(const Look& look, const Tensor& g, Tensor& x) = 0;
  /// What is common to all looks: x <- x / (2 dr).
  virtual void finish(const Tensor& rho, Tensor& x) = 0;
};

/// `difference_step`: dr of finite_difference; 0 means 0.1 rho in float32 and 1e-5 in float64.
std::unique_ptr<CurvatureProbe> make_curvature_probe(Curvature curvature,
                                                     const nn::ParameterArena& arena,
                                                     double difference_step = 0.0);

/// u = T T g / (||T g|| + c): the direction of an ascent, its radius left out.
void write_direction(const nn::ParameterArena& arena, const optim::Ascent& ascent, Tensor& u);

/// dr on the device (0-d float64), from the radius or the mean of the radii.
Tensor finite_difference_step(const Tensor& rho, DType dtype, double difference_step);

}  // namespace polder::lets
