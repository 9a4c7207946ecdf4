#include "polder/optim/rules/gnp.h"

#include <cmath>

#include "polder/optim/flat.h"
#include "polder/optim/registry.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

Gnp::Gnp(double rho, double alpha, Mix mix, Device device)
    : RadiusRule(rho, device), alpha_(alpha), mix_(mix) {
  require(std::isfinite(alpha), "Gnp: alpha is {}, want a finite number", alpha);
}

StepReport Gnp::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  const nn::ParameterArena& arena = objective.arena();
  if (!clean_.defined()) clean_ = arena.make_flat();
  StepReport report{.radius = radius(), .perturbed = true};
  report.loss = objective.gradient(batch, clean_);        // g = grad L_B(w)
  const Ascent ascent = ascend(arena, clean_, radius());  // epsilon = rho g / (||g|| + c)
  Excursion away(objective, ascent);                      // w + epsilon is active
  report.perturbed_loss = away.gradient(batch, g);        // g_p = grad L_B(w + epsilon)
  const Tensor rest = mix_ == Mix::unit ? affine(ascent.unit, 1.0 - alpha_)
                                        : constant(1.0 - alpha_, arena.device());
  mix(rest, clean_, constant(alpha_, arena.device()), g);  // G = (1 - alpha) g + alpha g_p
  report.gradient_norm = ascent.norm;
  return report;
}

void Gnp::map_tangent(Tensor& x) const { scale_by(constant(alpha_, x.device()), x); }

void Gnp::map_adjoint(Tensor& x) const { map_tangent(x); }

RuleEntry gnp_entry() {
  using Mix = Gnp::Mix;
  return {.name = "gnp",
          .summary = "penalise the norm of the gradient, by a difference of two gradients",
          .paper = "Zhao, Zhang, Hu, ICML 2022, arXiv 2202.03599",
          .parameters = {{"rho", "0.1", "distance of the second gradient"},
                         {"alpha", "0.8", "share of the perturbed gradient, lambda / rho"},
                         {"mix", "gradient", "gradient, or unit: the clean part has length 1"}},
          .cost_formula = "2 GE",
          .cost = [](const Settings&,
                     std::int64_t) { return RuleCost{.step = {.gradients = 2}, .scratch = 1}; },
          .trial = {{"rho", "0.5"}},
          .identities = {{.settings = {{"alpha", "0"}}, .rule = "none"},
                         {.settings = {{"rho", "0"}}, .rule = "none", .tolerance = 1e-6},
                         {.settings = {{"alpha", "1"}, {"rho", "0.3"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.3"}}},
                         {.settings = {{"alpha", "1"}, {"rho", "0.3"}, {"mix", "unit"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.3"}}}},
          .make =
              [](const Settings& settings, nn::ParameterArena& arena) {
                return std::make_unique<Gnp>(
                    settings.number("rho"), settings.number("alpha"),
                    settings.choice<Mix>("mix", {{"gradient", Mix::gradient}, {"unit", Mix::unit}}),
                    arena.device());
              }};
}

}  // namespace polder::optim
