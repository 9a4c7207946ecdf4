#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "polder/autograd/variable.h"
#include "polder/core/batch.h"

namespace polder::optim {

/// When batch-norm running statistics move within one step (see Objective).
enum class BatchNormUpdate { clean, all, never };

/// Weights omega [n] of the rows of a batch, in the arena's element type, from the losses [n] of
/// the very forward pass whose gradient they weigh.
using RowWeights = std::function<Tensor(const Tensor& losses)>;

/// Something added to the losses of the rows: [n], from the model's outputs. Undefined: nothing to
/// add. With micro-batches it is called for each chunk.
using LossTerm =
    std::function<autograd::Variable(const autograd::Variable& outputs, const Batch& rows)>;

/// How one pass over a batch is made.
struct PassOptions {
  double weight = 1.0;      // factor on the loss gradient
  bool accumulate = false;  // add to g instead of overwriting it
  bool upper = false;       // a look from outside training: no masks, running statistics untouched
  bool evaluation = false;  // as upper, and batch norm uses its running statistics
  bool move_statistics = true;  // false: running statistics stay, whatever the policy; masks replay
  bool own_precision = false;   // where layers read bfloat16 weights: this pass runs in float32
  /// Running statistics move whatever the policy, with this momentum: how they are re-estimated.
  std::optional<double> statistics_momentum{};
  RowWeights row_weights{};  // gradient of (1/n) sum_i omega_i l_i; the loss returned is the mean
  Tensor* losses = nullptr;  // takes the per-sample losses [n] of this forward pass, terms included
  const LossTerm* term = nullptr;  // added to the losses
};

/// A pass under way, for who watches it: `rows` at the active weights of the arena.
struct PassView {
  const Batch& rows;
  const PassOptions& options;
  std::int64_t step = 0;      // keys its masks
  bool masks = true;          // random masks are on
  const Tensor* g = nullptr;  // flat, where the gradient goes; null: forward only
  Tensor losses{};            // [n], once made; undefined for `Objective::outputs`
};

/// Watches every pass but Hessian-vector products.
class PassObserver {
 public:
  virtual ~PassObserver() = default;
  virtual void begins(const PassView& pass) = 0;
  virtual void ended(const PassView& pass) = 0;
};

/// Work done so far, in units of the step's mini-batch: a pass over n rows in a step of N rows
/// counts n / N. Gradients (forward + backward), forward passes alone, Hessian-vector products.
struct WorkCount {
  double gradients = 0.0;
  double forwards = 0.0;
  double hessian_products = 0.0;
};
WorkCount operator+(const WorkCount& a, const WorkCount& b);
WorkCount operator*(double factor, const WorkCount& work);
inline WorkCount operator-(const WorkCount& a, const WorkCount& b) { return a + -1.0 * b; }

}  // namespace polder::optim
