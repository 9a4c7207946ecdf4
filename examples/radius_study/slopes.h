#pragma once

#include <map>
#include <string>
#include <vector>

#include "open_run.h"

namespace polder::radius_study {

/// The loss of one batch at w+, and what the radius of the step to w+ does to it.
struct Side {
  double loss = 0.0;
  double slope = 0.0;  // dL(w+) / d log rho = -eta <grad L(w+), D A H(p) u> rho
};

/// One lower step seen from above: every batch of a walk over the held-out and the training
/// samples, the batch the step was made on, and a part of the clean test samples, all at w+.
struct UpperLook {
  std::vector<Side> validation, training;
  Side own;
  Side test;
};

/// Makes `count` lower steps from where the run stands, each on a random training batch and each
/// taken back, and looks from above after each. The run's rule has a radius of its own.
std::vector<UpperLook> look_from_above(OpenRun& run, int count);

/// Mean and spread of a sample.
struct Moments {
  double mean = 0.0, deviation = 0.0;
  std::size_t count = 0;
  double standard_error() const;
};

/// Over the lower steps, by name. Slopes by log rho, of
///   J_whole           the gap between the whole sets
///   J_fresh, J_same   the gap between two batches: the mean over all pairs of a held-out and a
///                     training batch, and with the step's own batch
///   J_fresh_square    the square of the former (mean over all pairs)
///   validation, training, own, test   the losses
/// and of the losses themselves: gap (whole sets), gap_square (mean over all pairs of batches).
std::map<std::string, Moments> summary_of(const std::vector<UpperLook>& looks);

}  // namespace polder::radius_study
