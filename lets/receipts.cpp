#include "polder/lets/receipts.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <vector>

#include "polder/core/state_copy.h"
#include "polder/optim/flat.h"
#include "polder/optim/scalars.h"

namespace polder::lets {

using optim::affine;
using optim::average;

using optim::BaseOptimizer;
using optim::BatchNormUpdate;
using optim::Objective;
using optim::RadiusRule;

namespace {

/// The state of a training run; every `rewind` and the destructor return to it.
class Checkpoint {
 public:
  Checkpoint(RadiusRule& rule, Objective& objective, BaseOptimizer& base)
      : rule_(rule),
        objective_(objective),
        base_(base),
        home_(objective.arena().home().clone()),
        twin_(objective.arena().twin().clone()),
        rho_(rule.radius()),
        progress_(objective.progress()),
        policy_(objective.batch_norm_update()),
        own_precision_(objective.arena()) {
    rule_.visit_state(rule_state_);
    base_.visit_state(base_state_);
    objective_.set_batch_norm_update(BatchNormUpdate::never);
  }
  ~Checkpoint() {
    rewind();
    objective_.set_progress(progress_);
    objective_.set_batch_norm_update(policy_);
  }
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  void rewind() {
    rule_.set_radius(rho_);
    rule_state_.restore();
    rule_.visit_state(rule_state_);
    base_state_.restore();
    base_.visit_state(base_state_);
    objective_.arena().home().copy_from(home_);
    objective_.arena().twin().copy_from(twin_);
    objective_.arena().refresh_home_copy();
    objective_.arena().refresh_twin_copy();
  }

 private:
  RadiusRule& rule_;
  Objective& objective_;
  BaseOptimizer& base_;
  Tensor home_, twin_, rho_;
  Objective::Progress progress_;
  BatchNormUpdate policy_;
  nn::OwnPrecision own_precision_;  // differences of bfloat16 losses would say little
  StateCopy rule_state_, base_state_;
};

/// The step under examination: what to make it of.
struct Trial {
  RadiusRule& rule;
  Objective& objective;
  BaseOptimizer& base;
  double clip;
  const Batch& batch;
  const UpperProblem& problem;
  std::int64_t step;
};

UpperSlope slope_by(Curvature curvature, const Trial& trial) {
  nn::ParameterArena& arena = trial.objective.arena();
  const auto hypergradient = make_hypergradient(curvature, arena);
  Tensor g = arena.make_flat();
  trial.objective.begin_step(trial.step, trial.batch.size());
  const auto report = hypergradient->watch(trial.rule, trial.objective, trial.batch, g);
  require(report.perturbed,
          "receipts: the rule does not perturb on step {}, so J does not depend "
          "on its radius there",
          trial.step);
  const optim::Clipping clipping = optim::clip_gradient(trial.clip, g);
  trial.base.step(g);
  return hypergradient->finish(trial.rule, trial.objective, trial.batch, trial.problem,
                               {trial.base, g, clipping});
}

/// Summed in double whatever the weights are, so that the difference of two J keeps its digits.
double mean_loss(Objective& objective, const Batch& batch) {
  const Tensor losses = objective.losses(batch, {.upper = true});
  Tensor wide = Tensor::empty(losses.shape(), DType::float64, losses.device());
  kernels::backend_of(losses).cast(losses, wide);
  double sum_of_losses = 0.0;
  for (const double loss : wide.to_vector<double>()) sum_of_losses += loss;
  return sum_of_losses / static_cast<double>(batch.size());
}

/// J(rho + shift)
double upper_objective(double shift, const Trial& trial, Checkpoint& start) {
  start.rewind();
  trial.rule.set_radius(affine(trial.rule.radius(), 1.0, shift));
  Tensor g = trial.objective.arena().make_flat();
  trial.objective.begin_step(trial.step, trial.batch.size());
  trial.rule.gradient(trial.objective, trial.batch, g);
  optim::clip_gradient(trial.clip, g);
  trial.base.step(g);
  const double validation = mean_loss(trial.objective, trial.problem.validation);
  if (trial.problem.objective == UpperObjective::validation_loss) return validation;
  const double gap = validation - mean_loss(trial.objective, trial.problem.training);
  return 0.5 * gap * gap;
}

void measure_slopes(const Trial& trial, Checkpoint& start, Receipt& receipt) {
  for (const Curvature curvature : kCurvatures) {
    double& slope = receipt.slopes[static_cast<std::size_t>(curvature)];
    slope = std::numeric_limits<double>::quiet_NaN();
    if (curvature == Curvature::secant && trial.rule.radius().rank() != 0) continue;
    start.rewind();
    const UpperSlope upper = slope_by(curvature, trial);
    slope = upper.slope.item();
    const bool gap = upper.gap.defined();
    receipt.gap = gap ? upper.gap.item() : std::numeric_limits<double>::quiet_NaN();
    receipt.objective = gap ? 0.5 * receipt.gap * receipt.gap : upper.validation_loss.item();
  }
  receipt.reliable = trial.base.derivative_is_reliable();
}

void measure_central_difference(const Trial& trial, Checkpoint& start, Receipt& receipt) {
  const bool wide = trial.objective.arena().dtype() == DType::float64;
  const double h = (wide ? 1e-3 : 0.1) * receipt.radius;
  const auto rise = [&](double distance) {
    return upper_objective(distance, trial, start) - upper_objective(-distance, trial, start);
  };
  const double near = rise(h), far = rise(2.0 * h);
  receipt.step = h;
  receipt.central_difference = (8.0 * near - far) / (12.0 * h);
  receipt.doubt = std::abs(near / (2.0 * h) - far / (4.0 * h));
}

}  // namespace

Receipt receipts(RadiusRule& rule, Objective& objective, BaseOptimizer& base, double clip,
                 const Batch& batch, const UpperProblem& problem, std::int64_t step) {
  const Trial trial{rule, objective, base, clip, batch, problem, step};
  Receipt receipt;
  receipt.radius = average(rule.radius()).item();
  Checkpoint start(rule, objective, base);
  measure_slopes(trial, start, receipt);
  measure_central_difference(trial, start, receipt);
  return receipt;
}

std::string to_text(const Receipt& receipt) {
  const std::string gap = std::isnan(receipt.gap) ? "" : fmt::format("   gap {:.6g}", receipt.gap);
  std::string text =
      fmt::format("rho {:.6g}{}   J {:.6g}{}\n", receipt.radius, gap, receipt.objective,
                  receipt.reliable ? "" : "   (first step of Adam: says little)");
  text += fmt::format("{:<18} {:>14.6e}   h {:.2e}, doubt {:.1e}\n", "central difference",
                      receipt.central_difference, receipt.step, receipt.doubt);
  for (const Curvature curvature : kCurvatures) {
    const double slope = receipt.slope(curvature);
    if (std::isnan(slope)) {
      text += fmt::format("{:<18} {:>14}\n", to_string(curvature), "-");
      continue;
    }
    const double ratio = slope / receipt.central_difference;
    text += fmt::format("{:<18} {:>14.6e}   {:.9f} of it\n", to_string(curvature), slope, ratio);
  }
  return text;
}

}  // namespace polder::lets
