#pragma once

#include <cstdint>
#include <vector>

#include "polder/optim/base_optimizer.h"
#include "polder/optim/rule.h"

namespace polder::doctor {

/// Numbers of any floating type, read from the device.
std::vector<double> numbers(const Tensor& tensor);

/// The active weights as the layers read them, in the type they compute in, segment after segment.
std::vector<double> weights_read(const nn::ParameterArena& arena);

/// epsilon = scale T T x of the excursion's ascent from `home`, before any rounding, in the same
/// order. Empty when several steps led there. Reads x, which later passes may overwrite.
std::vector<double> displacement_asked(const optim::Excursion& excursion,
                                       const std::vector<double>& home,
                                       const nn::ParameterArena& arena);

/// ||T^-1 epsilon||, T measured at `home`; weights with T = 0 cannot move and do not count.
double distance(const std::vector<double>& home, const std::vector<double>& epsilon,
                kernels::Metric metric, const nn::ParameterArena& arena);

/// A step under examination.
struct Step {
  optim::Objective& objective;
  optim::Rule& rule;
  const optim::Rule& looking;  // that rule, or the one inside it when it averages weights
  const optim::BaseOptimizer& base;
  const Batch& batch;
  std::int64_t number = 0;
  std::vector<double> stored;  // w as the step began, padding included
  std::vector<double> read;    // the same as the layers read it, in the type they compute in
  std::vector<double> own;     // the same in the arena's own type: what some passes ask for
  std::vector<double> moved;   // w after the step, padding included; empty until then
};

/// A training pass of that step whose gradient was taken, before the base optimizer moved w.
struct Look {
  const Batch& rows;
  std::vector<double> epsilon;  // the weights that were read, minus those at w
  bool away = false;            // epsilon is not 0
  std::vector<double> asked{};  // epsilon before rounding; empty: not known
  kernels::Metric metric{};     // of the rule's ascent
  std::int64_t step = 0;        // keys the masks
  bool masks = true;
  bool alone = true;          // the gradient is this pass's alone, not added to another
  const Tensor* g = nullptr;  // when the pass has ended
  double loss = 0.0;          // likewise, mean over the rows
};

}  // namespace polder::doctor
