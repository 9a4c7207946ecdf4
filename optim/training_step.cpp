#include "polder/optim/training_step.h"

#include <cmath>

namespace polder::optim {

TrainingStep::TrainingStep(Objective& objective, Rule& rule, BaseOptimizer& base, double clip)
    : objective_(objective),
      rule_(rule),
      base_(base),
      clip_(clip),
      gradient_(objective.arena().make_flat()) {
  require(std::isfinite(clip) && clip >= 0.0,
          "TrainingStep: clip is {}, want a finite norm >= 0 (0: no clipping)", clip);
  rule_.prepare(objective_, base_);
}

StepReport TrainingStep::run(const Batch& batch, std::int64_t step) {
  objective_.begin_step(step, batch.size(), base_.rate());
  return run_opened(batch);
}

StepReport TrainingStep::run_opened(const Batch& batch) {
  return rule_.step(objective_, batch, base_, clip_, gradient_);
}

void require_finite(const StepReport& report, std::int64_t step) {
  const auto check = [step](const char* what, const Tensor& value) {
    if (!value.defined()) return;
    const double found = value.item();
    require(std::isfinite(found), "step {}: the {} is {}, want a finite number", step, what, found);
  };
  check("loss", report.loss);
  check("perturbed loss", report.perturbed_loss);
  check("gradient norm", report.gradient_norm);
}

}  // namespace polder::optim
