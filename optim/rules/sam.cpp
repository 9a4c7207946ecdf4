#include "polder/optim/rules/sam.h"

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

}  // namespace polder::optim
