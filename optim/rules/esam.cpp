#include "polder/optim/rules/esam.h"

#include "polder/optim/flat.h"
#include "polder/optim/registry.h"
#include "polder/optim/rows.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

using kernels::backend_of;
using kernels::Binary;
using kernels::Broadcast;
using kernels::Unary;

namespace {

/// u <- 1 where u < beta, else 0
void toss(double beta, Tensor& u) {
  backend_of(u).affine(u, -1.0, beta, u);
  backend_of(u).unary(Unary::step, u, u);
}

}  // namespace

Esam::Esam(double rho, double beta, double gamma, Mask mask, Device device)
    : RadiusRule(rho, device), beta_(beta), gamma_(gamma), mask_(mask) {
  require(beta > 0.0 && beta <= 1.0, "esam: beta is {}, want a number in (0, 1]", beta);
  require(gamma > 0.0 && gamma <= 1.0, "esam: gamma is {}, want a number in (0, 1]", gamma);
}

void Esam::prepare(Objective& objective, const BaseOptimizer&) {
  if (mask_ == Mask::coordinate) coordinates_ = objective.arena().make_flat();
}

StepReport Esam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  const nn::ParameterArena& arena = objective.arena();
  const std::int64_t kept = share_of_rows(gamma_, batch.size());
  StepReport report{.radius = radius(), .perturbed = true};
  Tensor before;                                                    // l_i(w)
  report.loss = objective.gradient(batch, g, {.losses = &before});  // g = grad L_B(w)
  apply_mask(objective, arena, g);                                  // m g
  Ascent ascent = ascend_along(arena, g, squared_norm(g), radius(), 1.0 / beta_);
  if (beta_ == 1.0 && kept == batch.size()) ascent.clean = g;
  report.gradient_norm = ascent.norm;
  Excursion away(objective, ascent);  // w + epsilon is active
  if (kept == batch.size()) {
    report.perturbed_loss = away.gradient(batch, g);
    return report;
  }
  const Tensor after = objective.losses(batch);  // l_i(w + epsilon)
  report.perturbed_loss = mean(after);
  const Batch sharpest = gather(batch, largest(difference(after, before), kept));  // B+
  away.gradient(sharpest, g);  // G = grad L_{B+}(w + epsilon)
  return report;
}

void Esam::apply_mask(const Objective& objective, const nn::ParameterArena& arena, Tensor& g) {
  const RandomKey key = objective.draw("esam/mask");
  if (mask_ == Mask::coordinate) {
    draw_uniform(arena, key, coordinates_);
    toss(beta_, coordinates_);
    return multiply(coordinates_, g);
  }
  const auto segments = static_cast<std::int64_t>(arena.segments().size());
  Tensor enabled = Tensor::empty({segments}, arena.dtype(), arena.device());
  backend_of(enabled).random_uniform(key, 0.0, 1.0, enabled);
  toss(beta_, enabled);
  for (std::int64_t s = 0; s < segments; ++s) {
    Tensor part = arena.part(g, arena.segments()[static_cast<std::size_t>(s)]);
    backend_of(g).binary(Binary::mul, part, enabled.view(s, {}), Broadcast::trailing, part);
  }
}

RuleEntry esam_entry() {
  using Mask = Esam::Mask;
  return {.name = "esam",
          .summary = "sam on random weights, its second gradient on the samples hit hardest",
          .paper = "Du et al., ICLR 2022, arXiv 2110.03141",
          .parameters = {{"rho", "0.05", "radius of the ball, over beta"},
                         {"beta", "0.6", "share of the weights that are perturbed"},
                         {"gamma", "0.5", "share of the samples in the second gradient"},
                         {"mask", "segment", "what one draw covers: segment, coordinate"}},
          .cost_formula = "1 + gamma GE, 1 F (2 GE at gamma = 1)",
          .cost =
              [](const Settings& settings, std::int64_t rows) {
                const std::int64_t kept = share_of_rows(settings.number("gamma"), rows);
                const double share = static_cast<double>(kept) / static_cast<double>(rows);
                RuleCost cost{.step = {.gradients = 1.0 + share}};
                if (kept < rows) cost.step.forwards = 1.0;
                if (settings.text("mask") == "coordinate") cost.scratch = 1;
                return cost;
              },
          .reach = Reach::other,
          .trial = {{"rho", "0.5"}},
          .identities = {{.settings = {{"rho", "0"}, {"gamma", "1"}}, .rule = "none"},
                         {.settings = {{"rho", "0.1"}, {"beta", "1"}, {"gamma", "1"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.1"}}}},
          .make =
              [](const Settings& settings, nn::ParameterArena& arena) {
                return std::make_unique<Esam>(
                    settings.number("rho"), settings.number("beta"), settings.number("gamma"),
                    settings.choice<Mask>(
                        "mask", {{"segment", Mask::segment}, {"coordinate", Mask::coordinate}}),
                    arena.device());
              }};
}

}  // namespace polder::optim
