#include "polder/optim/objective.h"

#include <algorithm>

namespace polder::optim {

/// f(rows, share of the batch, plan) for each chunk of at most micro_batch_ rows.
template <class F>
void Objective::for_each_chunk(const Batch& batch, PassPlan plan, const F& f) const {
  const std::int64_t n = batch.size();
  if (micro_batch_ == 0 || n <= micro_batch_) return f(batch, 1.0, plan);
  for (std::int64_t begin = 0; begin < n; begin += micro_batch_) {
    const std::int64_t end = std::min(begin + micro_batch_, n);
    f(batch.slice(begin, end), static_cast<double>(end - begin) / static_cast<double>(n), plan);
    if (batch_norm_update_ != BatchNormUpdate::all) plan.move_statistics = false;
  }
}

void Objective::begin_step(std::int64_t step, std::int64_t rows) {
  require(step >= 0 && rows > 0, "begin_step: step {} on {} rows, want step >= 0 and rows > 0",
          step, rows);
  progress_.step = step;
  progress_.step_rows = rows;
  progress_.statistics_moved = false;
}

Tensor Objective::gradient(const Batch& batch, Tensor& g, PassOptions options) {
  const double size = share_of_step("gradient", batch);
  require_flat("gradient", g);
  kernels::Backend& backend = kernels::backend_of(g);
  if (!options.accumulate) backend.fill(0.0, g);
  Tensor loss = Tensor::zeros(Shape{}, DType::float64, g.device());
  const auto add_chunk = [&](const Batch& rows, double share, PassPlan plan) {
    backend.axpby(share, add_gradient(rows, share * options.weight, plan, g), 1.0, loss);
  };
  for_each_chunk(batch, plan_training_pass(options), add_chunk);
  progress_.work.gradients += size;
  return loss;
}

Tensor Objective::losses(const Batch& batch, PassOptions options) {
  const double size = share_of_step("losses", batch);
  Tensor all = Tensor::empty({batch.size()}, arena_.dtype(), arena_.device());
  std::int64_t done = 0;
  const auto write_chunk = [&](const Batch& rows, double, PassPlan plan) {
    all.slice(done, done + rows.size()).copy_from(per_sample_losses(rows, plan));
    done += rows.size();
  };
  for_each_chunk(batch, plan_training_pass(options), write_chunk);
  progress_.work.forwards += size;
  return all;
}

void Objective::hessian_vector_product(const Batch& batch, const Tensor& v, Tensor& out,
                                       PassOptions options) {
  const double size = share_of_step("hessian_vector_product", batch);
  require_flat("hessian_vector_product", v);
  require_flat("hessian_vector_product", out);
  if (!options.accumulate) kernels::backend_of(out).fill(0.0, out);
  const auto add_chunk = [&](const Batch& rows, double share, PassPlan plan) {
    add_hessian_product(rows, share * options.weight, plan, v, out);
  };
  for_each_chunk(batch, {.masks = !options.upper, .step = progress_.step}, add_chunk);
  progress_.work.hessian_products += size;
}

Batch Objective::validation_batch() {
  fail("validation_batch: this objective has no held-out validation data");
}

Batch Objective::fresh_training_batch() {
  fail("fresh_training_batch: this objective has no second source of training batches");
}

void Objective::set_micro_batch(std::int64_t rows) {
  require(rows >= 0, "set_micro_batch: {} rows, want 0 (the whole batch) or more", rows);
  micro_batch_ = rows;
}

Objective::PassPlan Objective::plan_training_pass(const PassOptions& options) {
  PassPlan plan{.masks = !options.upper, .step = progress_.step};
  if (options.upper || !options.move_statistics) return plan;
  plan.move_statistics =
      batch_norm_update_ == BatchNormUpdate::all ||
      (batch_norm_update_ == BatchNormUpdate::clean && !progress_.statistics_moved);
  progress_.statistics_moved = true;
  return plan;
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
