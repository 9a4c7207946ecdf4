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

/// Work done so far, in units of the step's mini-batch: a pass over n rows in a step of N rows
/// counts n / N. Gradients (forward + backward), forward passes alone, Hessian-vector products.
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
/// (BatchNormUpdate::clean), in every one (all) or in none (never). Upper passes never move them.
///
/// Gradient accumulation. With `set_micro_batch(m)` every pass walks the batch in chunks of at most
/// m rows and adds them up: a batch larger than memory gives the same gradient as in one piece
/// (without batch norm), for every rule. Running statistics see the first chunk of their pass.
///
/// Errors: every pass throws Error before the first begin_step, on an empty batch, and when a flat
/// tensor has not the arena's layout.
class Objective {
 public:
  explicit Objective(nn::ParameterArena& arena) : arena_(arena) {}
  virtual ~Objective() = default;
  Objective(const Objective&) = delete;
  Objective& operator=(const Objective&) = delete;

  nn::ParameterArena& arena() { return arena_; }

  /// Opens a step on a mini-batch of `rows` rows: passes from now on belong to it, and WorkCount
  /// measures them against it. Throws Error on a negative step or without rows.
  void begin_step(std::int64_t step, std::int64_t rows);
  std::int64_t step() const { return progress_.step; }

  /// g = weight * grad (1/n) sum_i l_i at the active weights (or adds it to g); returns the mean
  /// loss (0-d float64), not scaled by the weight. g is flat, in the arena's layout.
  Tensor gradient(const Batch& batch, Tensor& g, PassOptions options = {});
  /// Per-sample losses [n], forward only. A training pass, like `gradient`.
  Tensor losses(const Batch& batch, PassOptions options = {});
  /// out = weight * H v (or adds it to out), H the Hessian of the mean loss at the active weights;
  /// exact, by differentiating through the backward pass. Replays the step's masks; moves no
  /// statistics.
  void hessian_vector_product(const Batch& batch, const Tensor& v, Tensor& out,
                              PassOptions options = {});

  /// The next held-out validation batch. Throws Error when the problem has none.
  virtual Batch validation_batch();
  /// A training batch drawn without regard to the step's own. Throws Error when the problem has
  /// none.
  virtual Batch fresh_training_batch();

  /// Largest number of rows in one piece; 0 (the default) means the whole batch.
  void set_micro_batch(std::int64_t rows);
  void set_batch_norm_update(BatchNormUpdate policy) { batch_norm_update_ = policy; }
  BatchNormUpdate batch_norm_update() const { return batch_norm_update_; }
  const WorkCount& work() const { return progress_.work; }

  /// What passes leave behind in the objective itself: whoever looks around between two steps puts
  /// it back afterwards.
  struct Progress {
    WorkCount work;
    std::int64_t step = 0;
    std::int64_t step_rows = 0;
    bool statistics_moved = false;
  };
  const Progress& progress() const { return progress_; }
  void set_progress(const Progress& progress) { progress_ = progress; }

  /// One observer at a time, or null. Not owned.
  void set_observer(ExcursionObserver* observer) { observer_ = observer; }
  ExcursionObserver* observer() const { return observer_; }

 protected:
  /// What one pass may do, decided by the policies above; `step` keys the masks.
  struct PassPlan {
    bool masks = true;
    bool move_statistics = false;
    std::int64_t step = 0;
  };
  /// Mean loss over the rows (0-d float64). Adds weight * its gradient to g; padding stays zero.
  virtual Tensor add_gradient(const Batch& rows, double weight, PassPlan plan, Tensor& g) = 0;
  /// Losses [n] of the rows.
  virtual Tensor per_sample_losses(const Batch& rows, PassPlan plan) = 0;
  /// Adds weight * H v to out.
  virtual void add_hessian_product(const Batch& rows, double weight, PassPlan plan, const Tensor& v,
                                   Tensor& out) = 0;

 private:
  PassPlan plan_training_pass(const PassOptions& options);
  template <class F>
  void for_each_chunk(const Batch& batch, PassPlan plan, const F& f) const;
  double share_of_step(const char* function, const Batch& batch) const;
  void require_flat(const char* function, const Tensor& flat) const;

  nn::ParameterArena& arena_;
  ExcursionObserver* observer_ = nullptr;
  Progress progress_;
  std::int64_t micro_batch_ = 0;
  BatchNormUpdate batch_norm_update_ = BatchNormUpdate::clean;
};

}  // namespace polder::optim
