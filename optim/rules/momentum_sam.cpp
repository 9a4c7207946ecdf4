#include "polder/optim/rules/momentum_sam.h"

#include "polder/optim/base_optimizer.h"
#include "polder/optim/registry.h"

namespace polder::optim {

void MomentumSam::prepare(Objective&, const BaseOptimizer& base) {
  static_cast<void>(base.momentum());
  base_ = &base;
}

StepReport MomentumSam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  require(base_ != nullptr, "momentum_sam: prepare was not called, so whose momentum is unknown");
  StepReport report{.radius = radius(), .perturbed = true};
  const Tensor& v = base_->momentum();
  const Ascent ascent = opposite(ascend(objective.arena(), v, radius()));  // -rho v / (||v|| + c)
  Excursion away(objective, ascent);                                       // w + epsilon is active
  report.perturbed_loss = away.gradient(batch, g);  // G = grad L_B(w + epsilon)
  report.gradient_norm = ascent.norm;
  return report;
}

RuleEntry momentum_sam_entry() {
  return {.name = "momentum_sam",
          .summary = "sam along the base optimizer's momentum: one gradient a step",
          .paper = "Becker, Altrock, Risse 2024, arXiv 2401.12033",
          .parameters = {{"rho", "0.3", "length of the step along the momentum"}},
          .cost_formula = "1 GE",
          .cost = [](const Settings&, std::int64_t) { return RuleCost{.step = {.gradients = 1}}; },
          .needs = [](const Settings&) { return RuleNeeds{.momentum = true}; },
          .trial = {{"rho", "0.5"}},
          .identities = {{.settings = {{"rho", "0"}}, .rule = "none"}},
          .make =
              [](const Settings& settings, nn::ParameterArena& arena) {
                return std::make_unique<MomentumSam>(settings.number("rho"), arena.device());
              }};
}

}  // namespace polder::optim
