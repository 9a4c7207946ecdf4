#pragma once

#include <cstdint>

#include "polder/core/batch.h"
#include "polder/nn/parameter_arena.h"

namespace polder::optim {

class Excursion;

/// When batch-norm running statistics move within one step (see Objective).
enum class BatchNormUpdate { clean, all, never };

/// How one pass over a batch is made.
struct PassOptions {
  double weight = 1.0;      // factor on the loss gradient
  bool accumulate = false;  // add to g instead of overwriting it
  bool upper = false;       // a look from outside training: no masks, running statistics untouched
  bool move_statistics = true;  // false: running statistics stay, whatever the policy; masks replay
};

/// Work done so far: gradient evaluations (one forward + backward over a whole mini-batch) in
/// fractions of a batch, forward passes alone, Hessian-vector products.
struct WorkCount {
  double gradients = 0.0;
  double forwards = 0.0;
  double hessian_products = 0.0;
};

/// Watches the looks a rule takes away from w; `lets` learns the radius through it.
class ExcursionObserver {
 public:
  virtual ~ExcursionObserver() = default;
  /// The rule stands at w + epsilon and is about to look at `rows`; the clean gradient is still in
  /// `excursion.ascent()`. `share` is the part of G that this look makes up.
  virtual void arrived(Excursion& excursion, const Batch& rows, double share) = 0;
  /// It looked: g holds grad L_rows(w + epsilon).
  virtual void looked(Excursion& excursion, const Batch& rows, double share, const Tensor& g) = 0;
};

/// What a rule may ask of the training problem. Everything is evaluated at the *active* weights of
/// the arena (home, or the twin while an Excursion lives).
///
/// Passes of a step. `begin_step` opens a step. All its training passes meet the same random masks
/// (replay), and running batch-norm statistics move in the first training pass only
/// (BatchNormUpdate::clean), in every one (all) or in none (never).
///
/// Gradient accumulation. With `set_micro_batch(m)` every pass walks the batch in chunks of at most
/// m rows and adds them up: a batch larger than memory gives the same gradient as in one piece
/// (without batch norm), for every rule.
class Objective {
 public:
  explicit Objective(nn::ParameterArena& arena) : arena_(arena) {}
  virtual ~Objective() = default;
  Objective(const Objective&) = delete;
  Objective& operator=(const Objective&) = delete;

  nn::ParameterArena& arena() { return arena_; }

  /// Opens step t: passes from now on belong to it.
  void begin_step(std::int64_t step);
  std::int64_t step() const { return step_; }

  /// g = weight * grad (1/n) sum_i l_i at the active weights (or adds it to g); returns the mean
  /// loss (0-d float64), not scaled by the weight. g is flat, in the arena's layout.
  Tensor gradient(const Batch& batch, Tensor& g, PassOptions options = {});
  /// Per-sample losses [n], forward only.
  Tensor losses(const Batch& batch, PassOptions options = {});
  /// out = H v, H the Hessian of the mean loss at the active weights; exact, by differentiating
  /// through the backward pass. Replays the step's masks; moves no statistics.
  void hessian_vector_product(const Batch& batch, const Tensor& v, Tensor& out,
                              PassOptions options = {});

  /// The next held-out validation batch. Throws Error when the problem has none.
  virtual Batch validation_batch();

  void set_micro_batch(std::int64_t rows) { micro_batch_ = rows; }
  void set_batch_norm_update(BatchNormUpdate policy) { batch_norm_update_ = policy; }
  BatchNormUpdate batch_norm_update() const { return batch_norm_update_; }
  const WorkCount& work() const { return work_; }

  /// What passes leave behind in the objective itself: whoever looks around between two steps puts
  /// it back afterwards.
  struct Progress {
    WorkCount work;
    std::int64_t step = 0;
    bool statistics_moved = false;
  };
  Progress progress() const { return {work_, step_, statistics_moved_}; }
  void set_progress(const Progress& progress) {
    work_ = progress.work;
    step_ = progress.step;
    statistics_moved_ = progress.statistics_moved;
  }

  /// One observer at a time, or null. Not owned.
  void set_observer(ExcursionObserver* observer) { observer_ = observer; }
  ExcursionObserver* observer() const { return observer_; }

 protected:
  /// What one pass may do, decided by the policies above.
  struct PassPlan {
    bool masks = true;
    bool move_statistics = false;
    std::int64_t step = 0;
  };
  /// Mean loss over the rows (0-d float64). Adds weight * its gradient to g.
  virtual Tensor add_gradient(const Batch& rows, double weight, PassPlan plan, Tensor& g) = 0;
  virtual Tensor per_sample_losses(const Batch& rows, PassPlan plan) = 0;
  /// Adds weight * H v to out.
  virtual void add_hessian_product(const Batch& rows, double weight, PassPlan plan, const Tensor& v,
                                   Tensor& out) = 0;

 private:
  PassPlan plan_pass(const PassOptions& options, bool may_move_statistics);

  nn::ParameterArena& arena_;
  ExcursionObserver* observer_ = nullptr;
  WorkCount work_;
  std::int64_t step_ = 0;
  std::int64_t micro_batch_ = 0;
  BatchNormUpdate batch_norm_update_ = BatchNormUpdate::clean;
  bool statistics_moved_ = false;
};

}  // namespace polder::optim
