#include "polder/optim/rules/mesa.h"

#include <cmath>

#include "polder/optim/registry.h"
#include "polder/optim/trajectory_loss.h"

namespace polder::optim {

using autograd::Variable;

Mesa::Mesa(const Options& options) : options_(options) {
  require(std::isfinite(options.tau) && options.tau > 0.0,
          "mesa: tau is {}, want a finite number > 0", options.tau);
  require(std::isfinite(options.lambda) && options.lambda >= 0.0,
          "mesa: lambda is {}, want a finite number >= 0", options.lambda);
  require(options.beta >= 0.0 && options.beta <= 1.0, "mesa: beta is {}, want a number in [0, 1]",
          options.beta);
  require(options.start_epoch >= -1, "mesa: start_epoch is {}, want -1 (from the start) or more",
          options.start_epoch);
}

void Mesa::prepare(Objective& objective, const BaseOptimizer&) {
  steps_per_epoch_ = objective.course().steps_per_epoch;
  teacher_ = Snapshot::of(objective);
}

StepReport Mesa::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  if (!has_term(objective.step())) return {.loss = objective.gradient(batch, g)};
  const LossTerm moved = [&](const Variable& z, const Batch& rows) {
    return trajectory_loss(z, teach(objective, rows), options_.tau, options_.lambda);
  };
  return {.loss = objective.gradient(batch, g, {.term = &moved})};
}

/// y = f(x; v), a constant.
Tensor Mesa::teach(Objective& objective, const Batch& rows) {
  const AtSnapshot there(objective, teacher_);
  return objective.outputs(
      rows, {.evaluation = options_.teacher == Teacher::eval, .move_statistics = false});
}

void Mesa::after_update(Objective& objective, const Batch&, const BaseOptimizer&, const Tensor&,
                        const Clipping&) {
  teacher_.average(options_.beta, objective);  // v <- beta v + (1 - beta) w
}

std::optional<std::int64_t> Mesa::phase(std::int64_t step) const { return has_term(step) ? 1 : 0; }

void Mesa::visit_state(StateVisitor& visitor) { teacher_.visit_state(visitor, "teacher"); }

RuleEntry mesa_entry() {
  using Teacher = Mesa::Teacher;
  return {
      .name = "mesa",
      .summary = "holds outputs near those of a moving average of the weights",
      .paper = "Du et al., NeurIPS 2022, arXiv 2205.14083",
      .parameters = {{"tau", "5", "temperature of the outputs that are compared"},
                     {"lambda", "0.8", "weight of the term"},
                     {"beta", "0.9998", "what the average keeps of itself a step"},
                     {"start_epoch", "5", "last epoch without the term; -1: none"},
                     {"teacher_mode", "eval",
                      "how the average is asked: eval (its running statistics, no masks), "
                      "train (the batch's statistics, the step's masks)"}},
      .cost_formula = "1 GE, 1 F",
      .cost =
          [](const Settings&, std::int64_t) {
            return RuleCost{.step = {.gradients = 1, .forwards = 1}, .kept = 1};
          },
      .needs = [](const Settings&) { return RuleNeeds{.course = true}; },
      .reach = Reach::none,
      .trial = {{"tau", "2"}, {"lambda", "1"}, {"beta", "0.7"}, {"start_epoch", "-1"}},
      .identities = {{.settings = {{"lambda", "0"}, {"start_epoch", "-1"}}, .rule = "none"},
                     {.settings = {{"beta", "0"}, {"teacher_mode", "train"}, {"start_epoch", "-1"}},
                      .rule = "none"}},
      .make =
          [](const Settings& settings, nn::ParameterArena&) {
            return std::make_unique<Mesa>(Mesa::Options{
                .tau = settings.number("tau"),
                .lambda = settings.number("lambda"),
                .beta = settings.number("beta"),
                .start_epoch = settings.integer("start_epoch"),
                .teacher = settings.choice<Teacher>(
                    "teacher_mode", {{"eval", Teacher::eval}, {"train", Teacher::train}})});
          }};
}

}  // namespace polder::optim
