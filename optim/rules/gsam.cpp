#include "polder/optim/rules/gsam.h"

#include <cmath>

#include "polder/optim/flat.h"
#include "polder/optim/registry.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

Gsam::Gsam(double rho, double rho_min, double alpha, Decompose decompose, Device device)
    : RadiusRule(rho, device),
      rho_min_(rho_min),
      alpha_(alpha),
      scheduled_(rho_min != rho),
      decompose_(decompose) {
  require(rho_min >= 0.0 && rho_min <= rho, "gsam: rho_min is {}, want a number in [0, rho = {}]",
          rho_min, rho);
  require(std::isfinite(alpha), "gsam: alpha is {}, want a finite number", alpha);
}

void Gsam::prepare(Objective& objective, const BaseOptimizer&) {
  clean_ = objective.arena().make_flat();
}

StepReport Gsam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  const Tensor f = rise(objective);  // rho_t = (1 - f) rho_min + f rho
  const Tensor rho_t = sum(product(radius(), f), affine(f, -rho_min_, rho_min_));
  StepReport report{.radius = rho_t, .perturbed = true};
  report.loss = objective.gradient(batch, clean_);           // g = grad L_B(w)
  Ascent ascent = ascend(objective.arena(), clean_, rho_t);  // epsilon = rho_t g / (||g|| + c)
  ascent.unit = product(ascent.unit, f);                     // d epsilon / d rho
  Excursion away(objective, ascent);                         // w + epsilon is active
  report.perturbed_loss = away.gradient(batch, g);           // g_p = grad L_B(w + epsilon)
  report.gradient_norm = ascent.norm;
  if (objective.observer() != nullptr) {  // the map A needs both gradients afterwards
    seen_clean_ = clean_.clone();
    seen_ = g.clone();
  }
  combine(g);
  return report;
}

/// (eta - eta_min) / (eta_max - eta_min) on the device; 1 at constant rate or radius.
Tensor Gsam::rise(Objective& objective) const {
  const Device device = objective.arena().device();
  if (!scheduled_) return constant(1.0, device);
  const auto [low, high] = std::pair(objective.course().rate_min, objective.course().rate_max);
  if (low == high) return constant(1.0, device);
  return affine(objective.rate(), 1.0 / (high - low), -low / (high - low));
}

void Gsam::combine(Tensor& g) {
  if (decompose_ == Decompose::clean) {
    remove_projection(g, clean_);  // perp(g; g_p)
    add(-alpha_, clean_, g);       // G = g_p - alpha perp(g; g_p)
  } else {
    remove_projection(clean_, g);  // perp(g_p; g)
    mix(1.0, clean_, alpha_, g);   // G = g + alpha perp(g_p; g)
  }
}

/// clean: A x = (1 + alpha a) x + alpha a' g_p, a = <g, g_p> / ||g_p||^2,
/// a' = (<g, x> - 2 a <g_p, x>) / ||g_p||^2. perturbed: A x = alpha perp(x; g).
void Gsam::map_tangent(Tensor& x) const {
  if (decompose_ == Decompose::perturbed) {
    remove_projection(seen_clean_, x);
    return scale_by(constant(alpha_, x.device()), x);
  }
  const Tensor a = projection(seen_clean_, seen_);
  const Tensor along_g = share(dot(seen_clean_, x), squared_norm(seen_));
  const Tensor a_slope = difference(along_g, affine(product(a, projection(x, seen_)), 2.0));
  mix(affine(a_slope, alpha_), seen_, affine(a, alpha_, 1.0), x);
}

/// clean: A^T y = (1 + alpha a) y + alpha <g_p, y> / ||g_p||^2 (g - 2 a g_p). perturbed: A is
/// symmetric.
void Gsam::map_adjoint(Tensor& x) const {
  if (decompose_ == Decompose::perturbed) return map_tangent(x);
  const Tensor a = projection(seen_clean_, seen_), along = projection(x, seen_);
  mix(affine(product(a, along), -2.0 * alpha_), seen_, affine(a, alpha_, 1.0), x);
  add(affine(along, alpha_), seen_clean_, x);
}

RuleEntry gsam_entry() {
  using Decompose = Gsam::Decompose;
  return {.name = "gsam",
          .summary = "sam that also shrinks the gap between perturbed and clean loss",
          .paper = "Zhuang et al., ICLR 2022, arXiv 2203.08065",
          .parameters = {{"rho", "0.04", "radius of the ball at the largest learning rate"},
                         {"rho_min", "0.02", "radius at the smallest learning rate"},
                         {"alpha", "0.01", "weight of the part that shrinks the gap"},
                         {"decompose", "clean", "which gradient is split: clean, perturbed"}},
          .cost_formula = "2 GE",
          .cost = [](const Settings&,
                     std::int64_t) { return RuleCost{.step = {.gradients = 2}, .scratch = 1}; },
          .needs =
              [](const Settings& settings) {
                return RuleNeeds{.course = settings.number("rho") != settings.number("rho_min")};
              },
          .trial = {{"rho", "0.5"}, {"rho_min", "0.2"}, {"alpha", "0.4"}},
          .identities = {{.settings = {{"rho", "0"}, {"rho_min", "0"}}, .rule = "none"},
                         {.settings = {{"rho", "0.1"}, {"rho_min", "0.1"}, {"alpha", "0"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.1"}}}},
          .make =
              [](const Settings& settings, nn::ParameterArena& arena) {
                return std::make_unique<Gsam>(
                    settings.number("rho"), settings.number("rho_min"), settings.number("alpha"),
                    settings.choice<Decompose>("decompose", {{"clean", Decompose::clean},
                                                             {"perturbed", Decompose::perturbed}}),
                    arena.device());
              }};
}

}  // namespace polder::optim
