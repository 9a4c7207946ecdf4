#include "polder/optim/objective.h"

#include <algorithm>
#include <utility>

#include "polder/optim/rows.h"

namespace polder::optim {

using kernels::backend_of;

namespace {

/// weight omega, or the weight in every row.
Tensor seeds(double weight, const Tensor& omega, const Tensor& losses) {
  Tensor seed = Tensor::empty(losses.shape(), losses.dtype(), losses.device());
  if (!omega.defined()) {
    backend_of(seed).fill(weight, seed);
    return seed;
  }
  require(omega.shape() == losses.shape() && omega.dtype() == losses.dtype(),
          "gradient: row weights are {} {}, want {} {}", omega.dtype(), omega.shape(),
          losses.dtype(), losses.shape());
  backend_of(seed).affine(omega, weight, 0.0, seed);
  return seed;
}

double share(std::int64_t step, std::int64_t steps) {
  return static_cast<double>(step) / static_cast<double>(steps);
}

}  // namespace

WorkCount operator+(const WorkCount& a, const WorkCount& b) {
  return {a.gradients + b.gradients, a.forwards + b.forwards,
          a.hessian_products + b.hessian_products};
}

WorkCount operator*(double factor, const WorkCount& work) {
  return {factor * work.gradients, factor * work.forwards, factor * work.hessian_products};
}

Objective::Objective(nn::ParameterArena& arena, std::uint64_t seed)
    : arena_(arena), seed_(seed), elapsed_(Tensor::scalar(0.0, arena.device())) {}

// ---- the step -----------------------------------------------------------------------------------

void Objective::begin_step(std::int64_t step, std::int64_t rows, const Tensor& rate) {
  require(step >= 0 && rows > 0, "begin_step: step {} on {} rows, want step >= 0 and rows > 0",
          step, rows);
  progress_.step = step;
  progress_.step_rows = rows;
  progress_.statistics_moved = false;
  rate_ = rate;
  drawn_.clear();
  take_other_batches({});
  if (course_.steps == 0) return;
  const double elapsed = course_.done ? course_.done() : share(step, course_.steps);
  elapsed_.write(std::span<const double>(&elapsed, 1));
}

const Course& Objective::course() const {
  require(course_.steps > 0 && course_.steps_per_epoch > 0,
          "course: this objective does not know how long training is, call set_course first");
  return course_;
}

std::int64_t Objective::epochs() const {
  const Course& known = course();
  return (known.steps + known.steps_per_epoch - 1) / known.steps_per_epoch;
}

double Objective::done(std::int64_t step) const {
  const Course& known = course();
  return known.done ? known.done() : share(step, known.steps);
}

const Tensor& Objective::elapsed() const {
  course();
  return elapsed_;
}

const Tensor& Objective::rate() const {
  require(rate_.defined(), "rate: begin_step was given no learning rate");
  return rate_;
}

RandomKey Objective::draw(std::string_view what) const {
  return random_key(seed_, what, static_cast<std::uint32_t>(progress_.step));
}

// ---- passes -------------------------------------------------------------------------------------

bool Objective::in_chunks(const Batch& batch) const {
  return micro_batch_ > 0 && batch.size() > micro_batch_;
}

/// f(rows, first row, plan) for each chunk of at most micro_batch_ rows.
template <class F>
void Objective::for_each_chunk(const Batch& batch, PassPlan plan, const F& f) const {
  if (!in_chunks(batch)) return f(batch, std::int64_t{0}, plan);
  const std::int64_t n = batch.size();
  for (std::int64_t begin = 0; begin < n; begin += micro_batch_) {
    f(batch.slice(begin, std::min(begin + micro_batch_, n)), begin, plan);
    if (batch_norm_update_ != BatchNormUpdate::all) plan.move_statistics = false;
  }
}

/// The rows [n, ...] that rows_of(chunk, first row, plan) gives for each chunk.
template <class F>
Tensor Objective::sweep(const Batch& batch, PassPlan plan, const F& rows_of) {
  Tensor all;
  for_each_chunk(batch, plan, [&](const Batch& rows, std::int64_t first, PassPlan chunk_plan) {
    const Tensor part = rows_of(rows, first, chunk_plan);
    if (!in_chunks(batch)) {
      all = part;
      return;
    }
    if (first == 0)
      all = Tensor::empty(part.shape().with(0, batch.size()), part.dtype(), part.device());
    all.slice(first, first + rows.size()).copy_from(part);
  });
  return all;
}

Tensor Objective::sweep_losses(const Batch& batch, PassPlan plan) {
  return sweep(batch, plan, [this](const Batch& rows, std::int64_t, PassPlan chunk_plan) {
    return per_sample_losses(rows, chunk_plan);
  });
}

Tensor Objective::gradient(const Batch& batch, Tensor& g, const PassOptions& options) {
  const double size = share_of_step("gradient", batch);
  require_flat("gradient", g);
  const nn::OwnPrecision whole(arena_, options.own_precision);
  PassPlan plan = plan_pass(options);
  PassView view = announce(batch, options, plan, &g);  // g may still be what led here
  if (!options.accumulate) backend_of(g).fill(0.0, g);
  RowWeights weights = options.row_weights;
  if (weights && in_chunks(batch)) {
    Tensor omega = weights(sweep_losses(batch, plan));
    progress_.work.forwards += size;
    plan.move_statistics = false;
    weights = [omega](const Tensor&) { return omega; };
  }
  const double weight = options.weight / static_cast<double>(batch.size());
  const auto add_chunk = [&](const Batch& rows, std::int64_t first, PassPlan chunk_plan) {
    const RowWeights seeds_of = [&](const Tensor& losses) {
      Tensor omega = weights ? weights(losses) : Tensor();
      if (omega.defined() && in_chunks(batch)) omega = omega.slice(first, first + rows.size());
      return seeds(weight, omega, losses);
    };
    return add_gradient(rows, seeds_of, chunk_plan, g);
  };
  const Tensor losses = sweep(batch, plan, add_chunk);
  progress_.work.gradients += size;
  conclude(view, losses);
  if (options.losses != nullptr) *options.losses = losses;
  return mean(losses);
}

Tensor Objective::losses(const Batch& batch, const PassOptions& options) {
  const double size = share_of_step("losses", batch);
  const nn::OwnPrecision whole(arena_, options.own_precision);
  const PassPlan plan = plan_pass(options);
  PassView view = announce(batch, options, plan);
  Tensor all = sweep_losses(batch, plan);
  progress_.work.forwards += size;
  conclude(view, all);
  return all;
}

Tensor Objective::outputs(const Batch& batch, const PassOptions& options) {
  const double size = share_of_step("outputs", batch);
  const nn::OwnPrecision whole(arena_, options.own_precision);
  const auto of_chunk = [this](const Batch& rows, std::int64_t, PassPlan chunk_plan) {
    return outputs_of(rows, chunk_plan);
  };
  const PassPlan plan = plan_pass(options);
  PassView view = announce(batch, options, plan);
  Tensor all = sweep(batch, plan, of_chunk);
  progress_.work.forwards += size;
  conclude(view, {});
  return all;
}

void Objective::hessian_vector_product(const Batch& batch, const Tensor& v, Tensor& out,
                                       const PassOptions& options) {
  const double size = share_of_step("hessian_vector_product", batch);
  require_flat("hessian_vector_product", v);
  require_flat("hessian_vector_product", out);
  if (!options.accumulate) backend_of(out).fill(0.0, out);
  const nn::OwnPrecision whole(arena_);
  const auto n = static_cast<double>(batch.size());
  const auto add_chunk = [&](const Batch& rows, std::int64_t, PassPlan plan) {
    const double share = static_cast<double>(rows.size()) / n;
    add_hessian_product(rows, options.weight * share, plan, v, out);
  };
  for_each_chunk(batch, {.masks = !options.upper, .step = progress_.step}, add_chunk);
  progress_.work.hessian_products += size;
}

void Objective::branch(const Tensor& decision, const std::function<void()>& passes) {
  if (!progress_.branched.defined())
    progress_.branched = Tensor::zeros({3}, DType::float64, arena_.device());
  const WorkCount before = progress_.work;
  backend_of(decision).branch(decision, [&] {
    passes();
    const WorkCount done = progress_.work - before;
    progress_.work = before;
    const double counts[] = {done.gradients, done.forwards, done.hessian_products};
    for (std::int64_t i = 0; i < 3; ++i) {
      Tensor count = progress_.branched.slice(i, i + 1);
      backend_of(count).affine(count, 1.0, counts[i], count);
    }
  });
}

WorkCount Objective::work() const {
  if (!progress_.branched.defined()) return progress_.work;
  const std::vector<double> counts = progress_.branched.to_vector<double>();
  return progress_.work + WorkCount{counts[0], counts[1], counts[2]};
}

void Objective::set_work(const WorkCount& work) {
  progress_.work = work;
  if (progress_.branched.defined()) backend_of(progress_.branched).fill(0.0, progress_.branched);
}

Objective::Progress Objective::progress() const {
  Progress copy = progress_;
  if (copy.branched.defined()) copy.branched = copy.branched.clone();
  return copy;
}

void Objective::set_progress(const Progress& progress) {
  const Tensor branched = progress_.branched;  // recordings know this memory
  progress_ = progress;
  if (!branched.defined()) return;
  progress_.branched = branched;
  if (progress.branched.defined())
    branched.copy_from(progress.branched);
  else
    backend_of(branched).fill(0.0, progress_.branched);
}

Objective::PassPlan Objective::plan_pass(const PassOptions& options) {
  const bool outside = options.upper || options.evaluation;
  PassPlan plan{.masks = !outside,
                .evaluation = options.evaluation,
                .step = progress_.step,
                .statistics_momentum = options.statistics_momentum,
                .term = options.term};
  if (options.statistics_momentum) {
    plan.move_statistics = true;
    return plan;
  }
  if (outside || !options.move_statistics) return plan;
  plan.move_statistics =
      batch_norm_update_ == BatchNormUpdate::all ||
      (batch_norm_update_ == BatchNormUpdate::clean && !progress_.statistics_moved);
  progress_.statistics_moved = true;
  return plan;
}

PassView Objective::announce(const Batch& batch, const PassOptions& options, const PassPlan& plan,
                             const Tensor* g) const {
  PassView pass{batch, options, plan.step, plan.masks, g};
  if (pass_observer_ != nullptr) pass_observer_->begins(pass);
  return pass;
}

void Objective::conclude(PassView& pass, const Tensor& losses) const {
  if (pass_observer_ == nullptr) return;
  pass.losses = losses;
  pass_observer_->ended(pass);
}

// ---- other data ---------------------------------------------------------------------------------

Batch Objective::other_batch(OtherBatch kind) {
  drawn_.push_back(kind);
  return next_taken_ < taken_.size() ? taken_[next_taken_++] : drawn_from_source(kind);
}

Batch Objective::drawn_from_source(OtherBatch kind) {
  return kind == OtherBatch::validation ? draw_validation_batch() : draw_fresh_training_batch();
}

std::vector<Batch> Objective::draw_other_batches(const std::vector<OtherBatch>& kinds) {
  std::vector<Batch> batches;
  for (const OtherBatch kind : kinds) batches.push_back(drawn_from_source(kind));
  return batches;
}

void Objective::take_other_batches(std::vector<Batch> batches) {
  taken_ = std::move(batches);
  next_taken_ = 0;
}

Batch Objective::draw_validation_batch() {
  fail("validation_batch: this objective has no held-out validation data");
}

Batch Objective::draw_fresh_training_batch() {
  fail("fresh_training_batch: this objective has no second source of training batches");
}

const TrainingSet& Objective::training_set() const {
  require(training_set_.positions > 0,
          "training_set: this objective does not know its training samples, call set_training_set "
          "first");
  return training_set_;
}

Tensor Objective::outputs_of(const Batch&, PassPlan) {
  fail("outputs: this objective is a formula without outputs");
}

void Objective::set_micro_batch(std::int64_t rows) {
  require(rows >= 0, "set_micro_batch: {} rows, want 0 (the whole batch) or more", rows);
  micro_batch_ = rows;
}

double Objective::share_of_step(const char* function, const Batch& batch) const {
  require(progress_.step_rows > 0, "{}: no step is open, call begin_step first", function);
  require(batch.size() > 0, "{}: the batch has no rows", function);
  return static_cast<double>(batch.size()) / static_cast<double>(progress_.step_rows);
}

void Objective::require_flat(const char* function, const Tensor& flat) const {
  const Tensor& home = arena_.home();
  require(flat.defined() && flat.shape() == home.shape() && flat.dtype() == home.dtype(),
          "{}: flat tensor is {} {}, the arena's are {} {}", function, flat.dtype(), flat.shape(),
          home.dtype(), home.shape());
}

}  // namespace polder::optim
