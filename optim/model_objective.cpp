#include "polder/optim/model_objective.h"

#include "polder/autograd/functions.h"

namespace polder::optim {

using autograd::RecordingGuard;
using autograd::Variable;
using autograd::Variables;
using kernels::backend_of;

namespace {

/// d (weight mean) / d losses: weight / n in every row.
Variable mean_seed(const Variable& losses, double weight) {
  Tensor seed = Tensor::empty(losses.shape(), losses.dtype(), losses.device());
  backend_of(seed).fill(weight / static_cast<double>(seed.numel()), seed);
  return Variable(seed);
}

/// Adds each defined part to its segment of `flat`; a segment without a part counts as zero.
void add_parts(const nn::ParameterArena& arena, const Variables& parts, Tensor& flat) {
  for (std::size_t s = 0; s < parts.size(); ++s) {
    if (!parts[s].defined()) continue;
    Tensor segment = arena.part(flat, arena.segments()[s]);
    backend_of(flat).axpby(1.0, parts[s].value(), 1.0, segment);
  }
}

}  // namespace

LossFunction cross_entropy_loss(double smoothing) {
  require(smoothing >= 0.0 && smoothing < 1.0,
          "cross_entropy_loss: smoothing is {}, want a number in [0, 1)", smoothing);
  return [smoothing](const Variable& outputs, const Tensor& targets) {
    return autograd::cross_entropy(outputs, targets, smoothing);
  };
}

LossFunction mean_squared_error_loss() {
  return [](const Variable& outputs, const Tensor& targets) {
    return autograd::mean_squared_error(outputs, Variable(targets));
  };
}

ModelObjective::ModelObjective(nn::Module& model, nn::ParameterArena& arena, LossFunction loss,
                               std::uint64_t seed)
    : Objective(arena, seed), model_(model), loss_(std::move(loss)), seed_(seed) {
  require(loss_ != nullptr, "ModelObjective: the loss function is empty");
}

Batch ModelObjective::draw_validation_batch() {
  return validation_ ? validation_() : Objective::draw_validation_batch();
}

Batch ModelObjective::draw_fresh_training_batch() {
  return fresh_training_ ? fresh_training_() : Objective::draw_fresh_training_batch();
}

Tensor ModelObjective::evaluate(const Tensor& inputs) {
  const RecordingGuard guard(false);
  nn::Pass pass{.training = false, .dropout = false, .move_statistics = false};
  return run(inputs, pass).value();
}

Variable ModelObjective::forward(const Batch& rows, const PassPlan& plan) {
  nn::Pass pass{.training = !plan.evaluation,
                .dropout = plan.masks,
                .move_statistics = plan.move_statistics,
                .statistics_momentum = plan.statistics_momentum,
                .masks = random_key(seed_, "masks", static_cast<std::uint32_t>(plan.step)),
                .row_ids = rows.row_ids};
  return run(rows.inputs, pass);
}

/// Layers compute in the type of their weights; losses and whoever reads outputs in the arena's.
Variable ModelObjective::run(const Tensor& inputs, nn::Pass& pass) {
  if (arena().compute_type() == arena().dtype()) return model_.forward(Variable(inputs), pass);
  Variable x(inputs);
  if (is_floating(x.dtype())) x = autograd::cast(x, arena().compute_type());
  return autograd::cast(model_.forward(x, pass), arena().dtype());
}

Variable ModelObjective::losses_of(const Batch& rows, const PassPlan& plan) {
  const Variable outputs = forward(rows, plan);
  Variable losses = loss_(outputs, rows.targets);
  require(losses.shape() == Shape{rows.size()},
          "ModelObjective: the loss function gave {}, want one loss per sample {}", losses.shape(),
          Shape{rows.size()});
  if (plan.term == nullptr) return losses;
  const Variable term = (*plan.term)(outputs, rows);
  return term.defined() ? autograd::add(losses, term) : losses;
}

Tensor ModelObjective::add_gradient(const Batch& rows, const RowWeights& seeds_of, PassPlan plan,
                                    Tensor& g) {
  const Variable losses = losses_of(rows, plan);
  const Variable seeds(seeds_of(losses.value()));
  add_parts(arena(), grad({losses}, arena().variables(), {seeds}), g);
  return losses.value();
}

Tensor ModelObjective::per_sample_losses(const Batch& rows, PassPlan plan) {
  const RecordingGuard guard(false);
  return losses_of(rows, plan).value();
}

Tensor ModelObjective::outputs_of(const Batch& rows, PassPlan plan) {
  const RecordingGuard guard(false);
  return forward(rows, plan).value();
}

/// H v = grad <g, v>, with g = grad L kept as a function of w.
void ModelObjective::add_hessian_product(const Batch& rows, double weight, PassPlan plan,
                                         const Tensor& v, Tensor& out) {
  const Variables weights = arena().variables();
  const Variable losses = losses_of(rows, plan);
  const Variables g = grad({losses}, weights, {mean_seed(losses, weight)}, {.create_graph = true});
  Variables moving, directions;  // a constant part of g adds nothing to H v
  for (std::size_t s = 0; s < g.size(); ++s) {
    if (!g[s].defined() || !g[s].requires_grad()) continue;
    moving.push_back(g[s]);
    directions.emplace_back(arena().part(v, arena().segments()[s]));
  }
  if (moving.empty()) return;
  add_parts(arena(), grad(moving, weights, directions), out);
}

}  // namespace polder::optim
