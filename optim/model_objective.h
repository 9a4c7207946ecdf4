#pragma once

#include <functional>
#include <memory>

#include "polder/nn/module.h"
#include "polder/optim/objective.h"

namespace polder::optim {

/// Per-sample losses [n] from a model's outputs and a batch's targets.
using LossFunction =
    std::function<autograd::Variable(const autograd::Variable& outputs, const Tensor& targets)>;

/// Cross-entropy with label smoothing, and mean squared error, as loss functions.
LossFunction cross_entropy_loss(double smoothing = 0.0);
LossFunction mean_squared_error_loss();

/// The training problem of a model: mean of a per-sample loss over batches.
class ModelObjective : public Objective {
 public:
  /// The model and the arena must outlive the objective. `seed` keys the random masks and
  /// those of rules.
  ModelObjective(nn::Module& model, nn::ParameterArena& arena, LossFunction loss,
                 std::uint64_t seed);

  /// Where validation batches come from (for rules that need them).
  void set_validation(std::function<Batch()> source) { validation_ = std::move(source); }
  /// Where training batches come from that are not the step's own (for rules that need them).
  void set_fresh_training(std::function<Batch()> source) { fresh_training_ = std::move(source); }

  std::vector<nn::NamedTensor> buffers() const override { return model_.buffers(); }

  /// Model outputs in evaluation mode at the active weights: running statistics, no masks.
  Tensor evaluate(const Tensor& inputs);

 protected:
  Batch draw_validation_batch() override;
  Batch draw_fresh_training_batch() override;
  Tensor add_gradient(const Batch& rows, const RowWeights& seeds_of, PassPlan plan,
                      Tensor& g) override;
  Tensor per_sample_losses(const Batch& rows, PassPlan plan) override;
  Tensor outputs_of(const Batch& rows, PassPlan plan) override;
  void add_hessian_product(const Batch& rows, double weight, PassPlan plan, const Tensor& v,
                           Tensor& out) override;

 private:
  autograd::Variable forward(const Batch& rows, const PassPlan& plan);
  autograd::Variable run(const Tensor& inputs, nn::Pass& pass);
  autograd::Variable losses_of(const Batch& rows, const PassPlan& plan);

  nn::Module& model_;
  LossFunction loss_;
  std::uint64_t seed_;
  std::function<Batch()> validation_, fresh_training_;
};

}  // namespace polder::optim
