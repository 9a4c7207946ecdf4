#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "polder/nn/parameter_arena.h"
#include "polder/optim/pass.h"

namespace polder::optim {

class Excursion;

/// How long training is, for rules that change with time. Rates are those of the schedule.
struct Course {
  std::int64_t steps = 0;  // T; 0: unknown. Planned, where `done` decides
  std::int64_t steps_per_epoch = 0;
  double rate_min = 0.0, rate_max = 0.0;
  /// Share of the run behind the step to come, in [0, 1), where steps differ in what they cost;
  /// empty: t / T.
  std::function<double()> done{};
};

/// The training samples behind the batches, for rules that remember or revisit them.
struct TrainingSet {
  std::int64_t positions = 0;           // Batch::indices lie in [0, positions)
  std::int64_t classes = 0;             // outputs per sample
  std::vector<std::int64_t> indices{};  // the positions that are trained on
  /// The samples at these positions, without augmentation.
  std::function<Batch(std::span<const std::int64_t>)> rows{};
};

/// Watches the looks a rule takes away from w; `lets` learns the radius through it.
class ExcursionObserver {
 public:
  virtual ~ExcursionObserver() = default;
  /// The rule stands at w + epsilon and is about to look at `rows`; the direction is still in
  /// `excursion.ascent()`. `share` is the part of G that this look makes up.
  virtual void arrived(Excursion& excursion, const Batch& rows, double share) = 0;
  /// It looked: g holds grad L_rows(w + epsilon).
  virtual void looked(Excursion& excursion, const Batch& rows, double share, const Tensor& g) = 0;
};

/// What a rule may ask of the training problem. Everything is evaluated at the *active* weights of
/// the arena (home, the twin while an Excursion lives, averaged weights while an AtSnapshot does).
///
/// Passes of a step. `begin_step` opens a step. All its training passes meet the same random masks
/// (replay), and running batch-norm statistics move in the first training pass only
/// (BatchNormUpdate::clean), in every one (all) or in none (never). Upper and evaluation passes
/// never move them.
///
/// Gradient accumulation. With `set_micro_batch(m)` every pass walks the batch in chunks of at most
/// m rows and adds them up: a batch larger than memory gives the same gradient as in one piece
/// (without batch norm), for every rule. Running statistics see the first chunk of their pass. Row
/// weights that depend on the losses then cost one more forward pass, because all losses are needed
/// before the first backward pass.
///
/// Errors: every pass throws Error before the first begin_step, on an empty batch, and when a flat
/// tensor has not the arena's layout.
class Objective {
 public:
  /// `seed` keys the random numbers of rules.
  explicit Objective(nn::ParameterArena& arena, std::uint64_t seed = 0);
  virtual ~Objective() = default;
  Objective(const Objective&) = delete;
  Objective& operator=(const Objective&) = delete;

  nn::ParameterArena& arena() { return arena_; }

  // ---- the step ---------------------------------------------------------------------------------
  /// Opens step t on a mini-batch of `rows` rows at learning rate `rate` (0-d float64; undefined:
  /// unknown): passes from now on belong to it, and WorkCount measures them against it. Throws
  /// Error on a negative step or without rows.
  void begin_step(std::int64_t step, std::int64_t rows, const Tensor& rate = {});
  std::int64_t step() const { return progress_.step; }

  void set_course(const Course& course) { course_ = course; }
  /// T, steps per epoch, range of the rate. Throws Error when unknown.
  const Course& course() const;
  /// Epoch of this step and number of epochs. Throw Error without a course.
  std::int64_t epoch() const { return step() / course().steps_per_epoch; }
  std::int64_t epochs() const;
  bool opens_epoch() const { return step() % course().steps_per_epoch == 0; }
  /// Share of the run behind step t, which is this one or the one to come: t / T, or what the
  /// course says. Throws Error without a course.
  double done(std::int64_t step) const;
  /// That share and the rate eta of this step, on the device (0-d float64). Throw Error when
  /// unknown.
  const Tensor& elapsed() const;
  const Tensor& rate() const;
  /// Key of a rule's random numbers in this step, by the name of what is drawn ("rule/coin").
  RandomKey draw(std::string_view what) const;

  // ---- passes -----------------------------------------------------------------------------------
  /// g = weight * grad (1/n) sum_i l_i at the active weights (or adds it to g); returns the mean
  /// loss (0-d float64), not scaled by the weight. g is flat, in the arena's layout.
  Tensor gradient(const Batch& batch, Tensor& g, const PassOptions& options = {});
  /// Per-sample losses [n], forward only. A training pass, like `gradient`.
  Tensor losses(const Batch& batch, const PassOptions& options = {});
  /// Model outputs [n, ...], forward only. A training pass, like `gradient`. Throws Error when the
  /// objective is a formula without outputs.
  Tensor outputs(const Batch& batch, const PassOptions& options = {});
  /// out = weight * H v (or adds it to out), H the Hessian of the mean loss at the active weights;
  /// exact, by differentiating through the backward pass, in the arena's own type. Replays the
  /// step's masks; moves no statistics. Row weights and terms are not part of it.
  void hessian_vector_product(const Batch& batch, const Tensor& v, Tensor& out,
                              const PassOptions& options = {});

  /// Runs `passes` if the decision (0-d float64) is not 0, without reading it: see
  /// kernels::Backend::branch. Their work is counted where the decision is, on the device.
  void branch(const Tensor& decision, const std::function<void()>& passes);

  // ---- other data -------------------------------------------------------------------------------
  /// The next held-out validation batch. Throws Error when the problem has none.
  Batch validation_batch() { return other_batch(OtherBatch::validation); }
  /// A training batch drawn without regard to the step's own. Throws Error when the problem has
  /// none.
  Batch fresh_training_batch() { return other_batch(OtherBatch::fresh_training); }
  enum class OtherBatch : std::uint8_t { validation, fresh_training };
  /// What has been drawn in this step, in order.
  const std::vector<OtherBatch>& other_batches_drawn() const { return drawn_; }
  /// The next batches of these kinds from their sources: for who must have them before the step
  /// asks for them. They are the step's only if it is told to take them.
  std::vector<Batch> draw_other_batches(const std::vector<OtherBatch>& kinds);
  /// The step takes these batches, in order, before it draws more. Until the next begin_step.
  void take_other_batches(std::vector<Batch> batches);
  void set_training_set(TrainingSet set) { training_set_ = std::move(set); }
  /// Throws Error when the problem has none.
  const TrainingSet& training_set() const;

  /// State of the model that is not trained (running statistics).
  virtual std::vector<nn::NamedTensor> buffers() const { return {}; }

  /// Largest number of rows in one piece; 0 (the default) means the whole batch.
  void set_micro_batch(std::int64_t rows);
  std::int64_t micro_batch() const { return micro_batch_; }
  void set_batch_norm_update(BatchNormUpdate policy) { batch_norm_update_ = policy; }
  BatchNormUpdate batch_norm_update() const { return batch_norm_update_; }
  /// All work so far. Reads the device when there were branches.
  WorkCount work() const;
  /// Work is counted on from here.
  void set_work(const WorkCount& work);

  /// What passes leave behind in the objective itself: whoever looks around between two steps puts
  /// it back afterwards.
  struct Progress {
    WorkCount work;     // outside branches
    Tensor branched{};  // work of branches: gradients, forwards, products [3]; undefined: none
    std::int64_t step = 0;
    std::int64_t step_rows = 0;
    bool statistics_moved = false;
  };
  Progress progress() const;
  void set_progress(const Progress& progress);

  /// One observer at a time, or null. Not owned.
  void set_observer(ExcursionObserver* observer) { observer_ = observer; }
  ExcursionObserver* observer() const { return observer_; }
  /// The same for passes of every kind, made by a rule or by who else.
  void set_pass_observer(PassObserver* observer) { pass_observer_ = observer; }
  /// The excursion under way; null at home.
  const Excursion* excursion() const { return excursion_; }

 protected:
  /// Where other batches come from. Throw Error: a problem that has them overrides these.
  virtual Batch draw_validation_batch();
  virtual Batch draw_fresh_training_batch();
  /// What one pass may do, decided by the policies above; `step` keys the masks.
  struct PassPlan {
    bool masks = true;
    bool move_statistics = false;
    bool evaluation = false;
    std::int64_t step = 0;
    std::optional<double> statistics_momentum{};
    const LossTerm* term = nullptr;
  };
  /// Losses [n] of the rows, in the arena's element type. Adds grad sum_i seeds_i l_i to g, the
  /// seeds [n] being seeds_of(losses); padding stays zero.
  virtual Tensor add_gradient(const Batch& rows, const RowWeights& seeds_of, PassPlan plan,
                              Tensor& g) = 0;
  /// Losses [n] of the rows, in the arena's element type.
  virtual Tensor per_sample_losses(const Batch& rows, PassPlan plan) = 0;
  /// Outputs [n, ...] of the rows.
  virtual Tensor outputs_of(const Batch& rows, PassPlan plan);
  /// Adds weight * H v to out, H the Hessian of the mean loss over the rows.
  virtual void add_hessian_product(const Batch& rows, double weight, PassPlan plan, const Tensor& v,
                                   Tensor& out) = 0;

 private:
  friend class Excursion;

  Batch other_batch(OtherBatch kind);
  Batch drawn_from_source(OtherBatch kind);
  PassPlan plan_pass(const PassOptions& options);
  PassView announce(const Batch& batch, const PassOptions& options, const PassPlan& plan,
                    const Tensor* g = nullptr) const;
  void conclude(PassView& pass, const Tensor& losses) const;
  bool in_chunks(const Batch& batch) const;
  template <class F>
  void for_each_chunk(const Batch& batch, PassPlan plan, const F& f) const;
  template <class F>
  Tensor sweep(const Batch& batch, PassPlan plan, const F& rows_of);
  Tensor sweep_losses(const Batch& batch, PassPlan plan);
  double share_of_step(const char* function, const Batch& batch) const;
  void require_flat(const char* function, const Tensor& flat) const;

  nn::ParameterArena& arena_;
  std::uint64_t seed_;
  ExcursionObserver* observer_ = nullptr;
  PassObserver* pass_observer_ = nullptr;
  const Excursion* excursion_ = nullptr;
  Progress progress_;
  Course course_;
  Tensor elapsed_, rate_;
  TrainingSet training_set_;
  std::vector<OtherBatch> drawn_;
  std::vector<Batch> taken_;    // in place of draws, from here on:
  std::size_t next_taken_ = 0;  // the next of them
  std::int64_t micro_batch_ = 0;
  BatchNormUpdate batch_norm_update_ = BatchNormUpdate::clean;
};

}  // namespace polder::optim
