#include "polder/optim/rules/saf.h"

#include <cmath>

#include "polder/autograd/functions.h"
#include "polder/optim/registry.h"
#include "polder/optim/rows.h"
#include "polder/optim/trajectory_loss.h"

namespace polder::optim {

using autograd::Variable;

Saf::Saf(double tau, double lambda, std::int64_t slots, std::int64_t start_epoch)
    : tau_(tau), lambda_(lambda), slots_(slots), start_epoch_(start_epoch) {
  require(std::isfinite(tau) && tau > 0.0, "saf: tau is {}, want a finite number > 0", tau);
  require(std::isfinite(lambda) && lambda >= 0.0, "saf: lambda is {}, want a finite number >= 0",
          lambda);
  require(slots >= 1, "saf: slots is {}, want at least 1", slots);
  require(start_epoch >= slots - 1,
          "saf: start_epoch is {}, but records of {} epochs are complete only from epoch {} on",
          start_epoch, slots, slots - 1);
}

void Saf::prepare(Objective& objective, const BaseOptimizer&) {
  const nn::ParameterArena& arena = objective.arena();
  const TrainingSet& set = objective.training_set();
  steps_per_epoch_ = objective.course().steps_per_epoch;
  logits_ = Tensor::zeros({slots_, set.positions, set.classes}, arena.dtype(), arena.device());
  recorded_ = Tensor::zeros({slots_, set.positions, 1}, arena.dtype(), arena.device());
}

StepReport Saf::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  require(batch.indices.defined(), "saf: wants batches that know the indices of their samples");
  const std::int64_t epoch = objective.epoch();
  const LossTerm moved = [&](const Variable& outputs, const Batch& rows) {
    return term(outputs, rows, epoch);
  };
  return {.loss = objective.gradient(batch, g, {.term = &moved})};
}

/// Reads what slot e mod R holds of these samples (epoch e - R), then overwrites it.
Variable Saf::term(const Variable& outputs, const Batch& rows, std::int64_t epoch) {
  const std::int64_t slot = epoch % slots_;
  Tensor logits = logits_.slice(slot, slot + 1).reshape(logits_.shape().without(0));
  Tensor recorded = recorded_.slice(slot, slot + 1).reshape(recorded_.shape().without(0));
  const Tensor y = gather_rows(logits, rows.indices);  // of epoch e - R
  const Tensor known = gather_rows(recorded, rows.indices);
  put_rows(outputs.value(), rows.indices, logits);
  Tensor ones = Tensor::empty(known.shape(), known.dtype(), known.device());
  kernels::backend_of(ones).fill(1.0, ones);
  put_rows(ones, rows.indices, recorded);
  if (epoch <= start_epoch_) return {};
  const Variable mask(known.reshape({rows.size()}));
  return autograd::mul(trajectory_loss(outputs, y, tau_, lambda_), mask);
}

/// The slot, and whether there is a term yet.
std::optional<std::int64_t> Saf::phase(std::int64_t step) const {
  const std::int64_t epoch = step / steps_per_epoch_;
  return 2 * (epoch % slots_) + (epoch > start_epoch_ ? 1 : 0);
}

void Saf::visit_state(StateVisitor& visitor) {
  visitor.visit("logits", logits_);
  visitor.visit("recorded", recorded_);
}

RuleEntry saf_entry() {
  return {.name = "saf",
          .summary = "holds outputs near those of some epochs ago: flatness for one pass",
          .paper = "Du et al., NeurIPS 2022, arXiv 2205.14083",
          .parameters = {{"tau", "5", "temperature of the outputs that are compared"},
                         {"lambda", "0.3", "weight of the term"},
                         {"slots", "3", "how many epochs back the outputs are compared with"},
                         {"start_epoch", "5", "last epoch without the term"}},
          .cost_formula = "1 GE",
          .cost = [](const Settings&, std::int64_t) { return RuleCost{.step = {.gradients = 1}}; },
          .needs = [](const Settings&) { return RuleNeeds{.training_set = true, .course = true}; },
          .reach = Reach::none,
          .trial = {{"tau", "2"}, {"lambda", "1"}, {"slots", "2"}, {"start_epoch", "1"}},
          .identities = {{.settings = {{"lambda", "0"}, {"slots", "1"}, {"start_epoch", "0"}},
                          .rule = "none"}},
          .make =
              [](const Settings& settings, nn::ParameterArena&) {
                return std::make_unique<Saf>(settings.number("tau"), settings.number("lambda"),
                                             settings.integer("slots"),
                                             settings.integer("start_epoch"));
              }};
}

}  // namespace polder::optim
