#pragma once

#include <vector>

#include "polder/core/state.h"
#include "polder/optim/objective.h"

namespace polder::optim {

/// Weights and buffers (running statistics) of a model set aside: an average, a teacher.
struct Snapshot {
  Tensor weights;
  std::vector<Tensor> buffers;

  /// A copy of home and of the objective's buffers.
  static Snapshot of(Objective& objective);
  /// this <- beta this + (1 - beta) now, over weights and buffers; beta = 0 copies.
  void average(double beta, Objective& objective);
  void visit_state(StateVisitor& visitor, const std::string& name);
};

/// While it lives, the model reads a snapshot's weights and buffers; then its own again, bit for
/// bit, also when an exception flies. What a pass does to the buffers meanwhile happens to the
/// snapshot. Not during an excursion (Error).
class AtSnapshot {
 public:
  AtSnapshot(Objective& objective, Snapshot& snapshot);
  ~AtSnapshot();
  AtSnapshot(const AtSnapshot&) = delete;
  AtSnapshot& operator=(const AtSnapshot&) = delete;

 private:
  void swap_buffers();

  Objective& objective_;
  Snapshot& snapshot_;
};

}  // namespace polder::optim
