#include "polder/optim/rules/gam.h"

#include <cmath>

#include "polder/optim/flat.h"
#include "polder/optim/registry.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

Gam::Gam(const GamOptions& options, Device device)
    : RadiusRule(options.rho, device),
      options_(options),
      reach_(Tensor::scalar(options.rho_gradient, device)) {
  require(std::isfinite(options.rho_gradient) && options.rho_gradient >= 0.0,
          "Gam: rho_gradient is {}, want a finite number >= 0", options.rho_gradient);
  for (const double weight : {options.a, options.b, options.gamma, options.alpha})
    require(std::isfinite(weight), "Gam: a, b, gamma or alpha is {}, want finite numbers", weight);
}

StepReport Gam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  if (!first_.defined()) first_ = objective.arena().make_flat();
  if (!second_.defined()) second_ = objective.arena().make_flat();
  return options_.form == GamOptions::Form::hvp ? by_products(objective, batch, g)
                                                : by_differences(objective, batch, g);
}

StepReport Gam::by_differences(Objective& objective, const Batch& batch, Tensor& g) {
  const nn::ParameterArena& arena = objective.arena();
  StepReport report{.radius = radius(), .perturbed = true};
  Tensor& h_minus = first_;
  report.loss = objective.gradient(batch, first_);       // g0 = grad L_B(w)
  const Ascent forward = ascend(arena, first_, reach_);  // reach dir(g0)
  Excursion away(objective, forward);
  objective.gradient(batch, second_);  // g1 = grad L_B(w + reach dir(g0))
  g.copy_from(second_);
  add(-1.0, first_, g);                                  // h0 = g1 - g0
  away.jump(ascend(arena, g, radius()));                 // w2 = w + rho dir(h0)
  report.perturbed_loss = objective.gradient(batch, g);  // g2 = grad L_B(w2)
  const double share = options_.g0_counts_whole ? 1.0 : options_.b;
  mix(1.0 - options_.b, g, share, h_minus);       // h- = b g0 + (1 - b) g2
  away.go_on(ascend(arena, g, reach_));           // w2 + reach dir(g2)
  away.gradient(batch, g, 1.0 - options_.a);      // g3
  mix(options_.a, second_, 1.0 - options_.a, g);  // h+ = a g1 + (1 - a) g3
  remove_projection(g, h_minus);                  // perp(h-; h+)
  add(-options_.gamma, h_minus, g);
  report.gradient_norm = forward.norm;
  return report;
}

StepReport Gam::by_products(Objective& objective, const Batch& batch, Tensor& g) {
  const nn::ParameterArena& arena = objective.arena();
  StepReport report{.radius = radius(), .perturbed = true};
  report.loss = objective.gradient(batch, g);  // g = grad L_B(w)
  report.gradient_norm = norm(g);
  first_.copy_from(g);
  normalise(first_);
  objective.hessian_vector_product(batch, first_, second_);     // f = H(w) dir(g)
  Excursion away(objective, ascend(arena, second_, radius()));  // w_a = w + rho dir(f)
  report.perturbed_loss = away.gradient(batch, first_);         // grad L_B(w_a)
  normalise(first_);
  objective.hessian_vector_product(batch, first_, second_);    // H(w_a) dir(grad L_B(w_a))
  add(affine(average(radius()), options_.alpha), second_, g);  // g + alpha rho H dir
  return report;
}

std::string_view Gam::inexact_because() const {
  return "the points it looks at follow one another, and each depends on the radius";
}

RuleEntry gam_entry() {
  using Form = GamOptions::Form;
  return {
      .name = "gam",
      .summary = "penalise the largest gradient norm in the ball",
      .paper = "X. Zhang, Xu, Yu, Zou, Cui, CVPR 2023, arXiv 2303.03108",
      .parameters = {{"rho", "0.2", "radius of the ball where the gradient norm is largest"},
                     {"rho_gradient", "0.02", "how far the differences of gradients reach"},
                     {"a", "0.6", "share of the gradient ahead of w in h+"},
                     {"b", "0.5", "share of the gradient at w in h-"},
                     {"gamma", "0.03", "weight of the orthogonal part of h-"},
                     {"h_minus", "figure", "figure: b g0; code: 1 g0, as released"},
                     {"form", "accelerated", "accelerated: differences; hvp: exact products"},
                     {"alpha", "0.1", "weight of the penalty in the form hvp"}},
      .cost_formula = "4 GE; hvp: 2 GE, 2 H v",
      .cost =
          [](const Settings& settings, std::int64_t) {
            const bool products = settings.text("form") == "hvp";
            return RuleCost{.step = {.gradients = products ? 2.0 : 4.0,
                                     .hessian_products = products ? 2.0 : 0.0},
                            .scratch = 2};
          },
      .reach = Reach::other,
      .trial = {{"rho", "0.5"}, {"rho_gradient", "0.2"}, {"gamma", "0.2"}},
      .identities =
          {{.settings = {{"form", "hvp"}, {"alpha", "0"}}, .rule = "none"},
           {.settings = {{"rho", "0"}, {"rho_gradient", "0.3"}, {"gamma", "0.2"}, {"a", "0.5"}},
            .rule = "gsam",
            .rule_settings = {{"rho", "0.3"}, {"rho_min", "0.3"}, {"alpha", "0.2"}}},
           {.settings = {{"rho", "0"}, {"rho_gradient", "0.3"}, {"gamma", "0"}, {"a", "0.5"}},
            .rule = "sam",
            .rule_settings = {{"rho", "0.3"}}},
           {.settings = {{"rho", "0"}, {"rho_gradient", "0.3"}, {"gamma", "0"}},
            .rule = "sam",
            .rule_settings = {{"rho", "0.3"}},
            .tolerance = 1e-6}},
      .make =
          [](const Settings& settings, nn::ParameterArena& arena) {
            return std::make_unique<Gam>(
                GamOptions{.form = settings.choice<Form>(
                               "form", {{"accelerated", Form::accelerated}, {"hvp", Form::hvp}}),
                           .rho = settings.number("rho"),
                           .rho_gradient = settings.number("rho_gradient"),
                           .a = settings.number("a"),
                           .b = settings.number("b"),
                           .gamma = settings.number("gamma"),
                           .g0_counts_whole = settings.choice<bool>(
                               "h_minus", {{"figure", false}, {"code", true}}),
                           .alpha = settings.number("alpha")},
                arena.device());
          }};
}

}  // namespace polder::optim
