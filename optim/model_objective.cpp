#include "polder/optim/model_objective.h"

#include "polder/autograd/functions.h"

namespace polder::optim {

using autograd::RecordingGuard;
using autograd::Variable;
using autograd::Variables;
using kernels::backend_of;

namespace {

/// Mean of the losses [n]: 0-d float64.
Tensor mean_of(const Tensor& losses) {
  kernels::Backend& backend = backend_of(losses);
  Tensor exact = Tensor::empty(losses.shape(), DType::float64, losses.device());
  backend.cast(losses, exact);
  Tensor mean = Tensor::empty(Shape{}, DType::float64, losses.device());
  backend.reduce(kernels::Reduction::sum, exact, {.n = losses.numel()}, mean);
  backend.affine(mean, 1.0 / static_cast<double>(losses.numel()), 0.0, mean);
  return mean;
}

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
    : Objective(arena), model_(model), loss_(std::move(loss)), seed_(seed) {
  require(loss_ != nullptr, "ModelObjective: the loss function is empty");
}

Batch ModelObjective::validation_batch() {
  return validation_ ? validation_() : Objective::validation_batch();
}

Batch ModelObjective::fresh_training_batch() {
  return fresh_training_ ? fresh_training_() : Objective::fresh_training_batch();
}

Tensor ModelObjective::evaluate(const Tensor& inputs) {
  const RecordingGuard guard(false);
  nn::Pass pass{.training = false, .dropout = false, .move_statistics = false};
  return model_.forward(Variable(inputs), pass).value();
}

Variable ModelObjective::losses_of(const Batch& rows, PassPlan plan) {
  nn::Pass pass{.dropout = plan.masks,
                .move_statistics = plan.move_statistics,
                .masks = random_key(seed_, "masks", static_cast<std::uint32_t>(plan.step)),
                .row_ids = rows.row_ids};
  Variable losses = loss_(model_.forward(Variable(rows.inputs), pass), rows.targets);
  require(losses.shape() == Shape{rows.size()},
          "ModelObjective: the loss function gave {}, want one loss per sample {}", losses.shape(),
          Shape{rows.size()});
  return losses;
}

Tensor ModelObjective::add_gradient(const Batch& rows, double weight, PassPlan plan, Tensor& g) {
  const Variable losses = losses_of(rows, plan);
  add_parts(arena(), grad({losses}, arena().variables(), {mean_seed(losses, weight)}), g);
  return mean_of(losses.value());
}

Tensor ModelObjective::per_sample_losses(const Batch& rows, PassPlan plan) {
  const RecordingGuard guard(false);
  return losses_of(rows, plan).value();
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
