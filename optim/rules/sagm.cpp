#include "polder/optim/rules/sagm.h"

#include <cmath>

#include "polder/optim/flat.h"
#include "polder/optim/registry.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

Sagm::Sagm(double rho, double alpha, Device device) : RadiusRule(rho, device), alpha_(alpha) {
  require(std::isfinite(alpha) && alpha >= 0.0, "Sagm: alpha is {}, want a finite number >= 0",
          alpha);
}

StepReport Sagm::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  const nn::ParameterArena& arena = objective.arena();
  if (!clean_.defined()) clean_ = arena.make_flat();
  StepReport report{.radius = radius(), .perturbed = true};
  report.loss = objective.gradient(batch, clean_);    // g = grad L_B(w)
  Ascent ascent = ascend(arena, clean_, radius());    // rho g / (||g|| + c)
  ascent.scale = affine(ascent.scale, 1.0, -alpha_);  // epsilon = (rho / (||g|| + c) - alpha) g
  Excursion away(objective, ascent);                  // w + epsilon is active
  report.perturbed_loss = away.gradient(batch, g);    // g_p = grad L_B(w + epsilon)
  mix(0.5, clean_, 0.5, g);                           // G = g / 2 + g_p / 2
  report.gradient_norm = ascent.norm;
  report.scalars = {{"signed_radius", difference(average(radius()), affine(ascent.norm, alpha_))}};
  return report;
}

void Sagm::map_tangent(Tensor& x) const { scale_by(constant(0.5, x.device()), x); }

void Sagm::map_adjoint(Tensor& x) const { map_tangent(x); }

RuleEntry sagm_entry() {
  return {.name = "sagm",
          .summary = "lower loss and perturbed loss together and align their gradients",
          .paper = "P. Wang, Z. Zhang, Lei, L. Zhang, CVPR 2023, arXiv 2303.10353",
          .parameters = {{"rho", "0.05", "radius of the ball"},
                         {"alpha", "0.001", "how strongly the gradients are aligned"}},
          .cost_formula = "2 GE",
          .cost = [](const Settings&,
                     std::int64_t) { return RuleCost{.step = {.gradients = 2}, .scratch = 1}; },
          .reach = Reach::other,
          .trial = {{"rho", "0.5"}, {"alpha", "0.1"}},
          .identities = {{.settings = {{"rho", "0"}, {"alpha", "0"}}, .rule = "none"},
                         {.settings = {{"rho", "0.3"}, {"alpha", "0"}},
                          .rule = "gnp",
                          .rule_settings = {{"rho", "0.3"}, {"alpha", "0.5"}}}},
          .make =
              [](const Settings& settings, nn::ParameterArena& arena) {
                return std::make_unique<Sagm>(settings.number("rho"), settings.number("alpha"),
                                              arena.device());
              }};
}

}  // namespace polder::optim
