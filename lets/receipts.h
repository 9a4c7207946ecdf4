#pragma once

#include <array>
#include <string>

#include "polder/lets/hypergradient.h"

namespace polder::lets {

/// What one wants to see before believing a learned radius: dJ/drho by each of the four ways beside
/// the central difference of J itself, all at the same state, on the same batches.
struct Receipt {
  double radius = 0.0;     // rho; the mean with one radius per segment
  double gap = 0.0;        // L_vl(w+) - L_tr(w+); NaN when J is the validation loss
  double objective = 0.0;  // J
  /// dJ/drho, in the order of kCurvatures; NaN where a way does not apply (secant with one radius
  /// per segment).
  std::array<double, 4> slopes{};
  double central_difference = 0.0;  // of J, over five points
  double step = 0.0;                // h: J was measured at rho +- h and rho +- 2h
  double doubt = 0.0;               // |two-point difference at h - the same at 2h|
  bool reliable = true;             // false on the first step of Adam: J has near-jumps there

  double slope(Curvature curvature) const { return slopes[static_cast<std::size_t>(curvature)]; }
};

/// Makes the next step (number `step`, on `batch`) eight times over and takes it back each time:
/// four times for the slopes, four for
///
///   dJ/drho ~ [8 (J(rho + h) - J(rho - h)) - (J(rho + 2h) - J(rho - 2h))] / (12 h)
///
/// with every J measured through the whole step: rule, clip (`clip`: largest norm of G, 0 for none)
/// and base optimizer. h = 1e-3 rho in float64, where h^4 meets the rounding of J; h = 0.1 rho in
/// float32, where a smaller step drowns in rounding: there `doubt` says what the digits are worth,
/// and a network with kinks (ReLU, max pooling) agrees less well. With one radius per segment all
/// are shifted together, and the slope is the sum over the segments.
///
/// Nothing changes: weights, moments, rule state, running statistics and counters are put back bit
/// for bit, also when an exception flies; all batches are the caller's, so no sampler moves. Reads
/// its results back from the device. Throws Error when the rule does not perturb on this step.
Receipt receipts(optim::RadiusRule& rule, optim::Objective& objective, optim::BaseOptimizer& base,
                 double clip, const Batch& batch, const UpperProblem& problem, std::int64_t step);

/// A table of six lines for a terminal.
std::string to_text(const Receipt& receipt);

}  // namespace polder::lets
