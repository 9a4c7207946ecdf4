#include "polder/optim/rules/none.h"

#include "polder/optim/registry.h"

namespace polder::optim {

StepReport None::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  return {.loss = objective.gradient(batch, g)};
}

RuleEntry none_entry() {
  return {.name = "none",
          .summary = "no perturbation: the base optimizer alone",
          .cost_formula = "1 GE",
          .cost = [](const Settings&, std::int64_t) { return RuleCost{.step = {.gradients = 1}}; },
          .reach = Reach::none,
          .make = [](const Settings&, nn::ParameterArena&) { return std::make_unique<None>(); }};
}

}  // namespace polder::optim
