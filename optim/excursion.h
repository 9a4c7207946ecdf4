#pragma once

#include <functional>

#include "polder/optim/objective.h"

namespace polder::optim {

/// A step away from w along a flat direction x: epsilon = scale T T x. Scalars stay on the device.
///
/// sam and asam: x = g, unit = 1 / (||T g|| + c), c = 1e-12, one norm over all weights, and
/// scale = rho unit; T = 1 (sam) or |w| + xi on weights, norm scales and embeddings (asam). A zero
/// gradient gives epsilon = 0. Other rules choose another direction (masked, averaged, a momentum,
/// noise), another length, or change the scale they were given.
/// Source: arXiv 2010.01412 (T = 1), arXiv 2102.11600 (T = |w| + xi).
struct Ascent {
  Tensor direction;  // x, flat; shares memory with the tensor measured
  Tensor rho;        // 0-d float64, or [segments]: one radius per segment
  kernels::Metric metric{};
  Tensor squared_norm{};  // the square of the length that divides, 0-d float64
  Tensor norm{};          // that length: ||T x|| unless another was given
  Tensor unit{};          // u = unit T T x is d epsilon / d rho; 0-d
  Tensor scale{};         // same shape as rho
  /// grad L of the rows of the coming look at w, while it is in memory: whoever compares the two
  /// gradients reads it. Undefined when it is not at hand.
  Tensor clean{};
};

/// epsilon = rho T T g / (||T g|| + c), g the clean gradient; T is measured at the active weights.
/// One pass over the arena. Throws Error when g has not the arena's layout, or rho is neither 0-d
/// nor one radius per segment.
Ascent ascend(const nn::ParameterArena& arena, const Tensor& g, const Tensor& rho,
              kernels::Metric metric = {});
/// epsilon = factor rho x / (sqrt(squared_norm) + c): any direction under any length. Errors as
/// above.
Ascent ascend_along(const nn::ParameterArena& arena, const Tensor& x, const Tensor& squared_norm,
                    const Tensor& rho, double factor = 1.0);
/// epsilon = rho x, nothing normalised. Errors as above.
Ascent displace(const nn::ParameterArena& arena, const Tensor& x, const Tensor& rho);
/// The same step the other way: -epsilon.
Ascent opposite(const Ascent& ascent);

/// Leave w, look, come back: writes w + epsilon into the twin and makes it the active buffer; the
/// destructor makes home active again, also when an exception flies. w is never written, so it
/// returns bit for bit. One excursion at a time per arena (Error otherwise).
class Excursion {
 public:
  Excursion(Objective& objective, const Ascent& ascent);
  ~Excursion();
  Excursion(const Excursion&) = delete;
  Excursion& operator=(const Excursion&) = delete;

  /// grad L_rows(w + epsilon) into g, and the mean loss there; tells the objective's observer.
  /// `share` is the part of the rule's G that this look makes up (|S_j| / |B| for a shard). A look
  /// that is not part of G asks the objective instead.
  Tensor gradient(const Batch& rows, Tensor& g, double share = 1.0,
                  const PassOptions& options = {});

  /// Another step from w, in place of this one: the weights are w + epsilon of that ascent.
  void jump(const Ascent& ascent);
  /// A further step from here: the twin moves by epsilon of that ascent.
  void go_on(const Ascent& ascent);
  /// Runs f with home active, then comes back to where the excursion stands.
  void at_home(const std::function<void()>& f);

  /// Moves on to w + scale T T x with another scale, from w (not from here). x is read again: valid
  /// until something overwrites the ascent's direction. Throws Error after go_on.
  void shift(const Tensor& scale);

  Objective& objective() { return objective_; }
  /// The last step.
  const Ascent& ascent() const { return ascent_; }
  /// It went on from somewhere else than w: epsilon is not that of the last step alone.
  bool walked() const { return walked_; }

 private:
  void write(const Tensor& from, const Ascent& ascent, const Tensor& scale);

  Objective& objective_;
  Ascent ascent_;
  bool walked_ = false;  // the twin is not w + one epsilon
};

}  // namespace polder::optim
