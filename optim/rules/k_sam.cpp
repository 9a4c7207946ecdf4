#include "polder/optim/rules/k_sam.h"

#include "polder/optim/registry.h"
#include "polder/optim/rows.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

KSam::KSam(double rho, double fraction, Device device)
    : RadiusRule(rho, device), fraction_(fraction) {
  require(fraction > 0.0 && fraction <= 1.0, "k_sam: fraction is {}, want a number in (0, 1]",
          fraction);
}

StepReport KSam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  const std::int64_t k = share_of_rows(fraction_, batch.size());
  Batch hardest = batch;  // B_k
  if (k < batch.size()) hardest = gather(batch, largest(objective.losses(batch), k));
  StepReport report{.radius = radius(), .perturbed = true};
  report.loss = objective.gradient(hardest, g);  // g = grad L_{B_k}(w)
  const Ascent ascent = ascend(objective.arena(), g, radius());
  Excursion away(objective, ascent);                  // w + epsilon is active
  report.perturbed_loss = away.gradient(hardest, g);  // G = grad L_{B_k}(w + epsilon)
  report.gradient_norm = ascent.norm;
  return report;
}

RuleEntry k_sam_entry() {
  return {
      .name = "k_sam",
      .summary = "sam on the samples of the batch with the largest losses",
      .paper = "Ni et al., 2022, arXiv 2210.12864",
      .parameters = {{"rho", "0.05", "radius of the ball"},
                     {"fraction", "0.5", "share of the batch that is kept"}},
      .cost_formula = "2 fraction GE, 1 F (2 GE at fraction = 1)",
      .cost =
          [](const Settings& settings, std::int64_t rows) {
            const std::int64_t k = share_of_rows(settings.number("fraction"), rows);
            const double share = static_cast<double>(k) / static_cast<double>(rows);
            return RuleCost{.step = {.gradients = 2.0 * share, .forwards = k < rows ? 1.0 : 0.0}};
          },
      .trial = {{"rho", "0.5"}},
      .identities = {{.settings = {{"rho", "0"}, {"fraction", "1"}}, .rule = "none"},
                     {.settings = {{"rho", "0.1"}, {"fraction", "1"}},
                      .rule = "sam",
                      .rule_settings = {{"rho", "0.1"}}}},
      .make =
          [](const Settings& settings, nn::ParameterArena& arena) {
            return std::make_unique<KSam>(settings.number("rho"), settings.number("fraction"),
                                          arena.device());
          }};
}

}  // namespace polder::optim
