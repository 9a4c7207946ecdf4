#pragma once

#include "polder/optim/objective.h"

namespace polder::optim {

/// An ascent step from the clean gradient: epsilon = rho u, u = T T g / (||T g|| + c), c = 1e-12,
/// one norm over all weights. T = 1 (sam) or |w| + xi on weights, norm scales and embeddings
/// (asam). A zero gradient gives epsilon = 0. Scalars stay on the device. Source: arXiv 2010.01412
/// (T = 1), arXiv 2102.11600 (T = |w| + xi).
struct Ascent {
  Tensor gradient;  // g, flat; shares memory with the tensor measured
  Tensor rho;       // 0-d float64, or [segments]: one radius per segment
  kernels::Metric metric;
  Tensor squared_norm;  // ||T g||^2, 0-d float64
  Tensor scale;         // rho / (||T g|| + c), same shape as rho
  Tensor norm;          // ||T g||
};

/// Measures ||T g|| at home and forms the scale: one pass over the arena. Throws Error when g has
/// not the arena's layout, or rho is neither 0-d nor one radius per segment.
Ascent ascend(const nn::ParameterArena& arena, const Tensor& g, const Tensor& rho,
              kernels::Metric metric = {});

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
  /// `share` is the part of the rule's G that this look makes up (|S_j| / |B| for a shard).
  Tensor gradient(const Batch& rows, Tensor& g, double share = 1.0);

  /// Moves on to w + scale T T g with another scale, from w (not from here). g is read again: valid
  /// until something overwrites the ascent's gradient.
  void shift(const Tensor& scale);

  Objective& objective() { return objective_; }
  const Ascent& ascent() const { return ascent_; }

 private:
  Objective& objective_;
  Ascent ascent_;
};

}  // namespace polder::optim
