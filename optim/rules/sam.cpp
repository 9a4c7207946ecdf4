#include "polder/optim/rules/sam.h"

#include "polder/optim/registry.h"

namespace polder::optim {

StepReport Sam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  StepReport report{.radius = radius(), .perturbed = true};
  report.loss = objective.gradient(batch, g);                    // g = grad L_B(w)
  const Ascent ascent = ascend(objective.arena(), g, radius());  // epsilon = rho g / (||g|| + c)
  Excursion away(objective, ascent);                             // w + epsilon is active
  report.perturbed_loss = away.gradient(batch, g);               // G = grad L_B(w + epsilon)
  report.gradient_norm = ascent.norm;
  return report;  // coming home: w is active again
}

RuleEntry sam_entry() {
  return {.name = "sam",
          .summary = "the gradient at the worst point of a ball, found by one ascent",
          .paper = "Foret, Kleiner, Mobahi, Neyshabur, ICLR 2021, arXiv 2010.01412",
          .parameters = {{"rho", "0.05", "radius of the ball"}},
          .cost_formula = "2 GE",
          .cost = [](const Settings&, std::int64_t) { return RuleCost{.step = {.gradients = 2}}; },
          .trial = {{"rho", "0.5"}},
          .identities = {{.settings = {{"rho", "0"}}, .rule = "none"}},
          .make =
              [](const Settings& settings, nn::ParameterArena& arena) {
                return std::make_unique<Sam>(settings.number("rho"), arena.device());
              }};
}

}  // namespace polder::optim
