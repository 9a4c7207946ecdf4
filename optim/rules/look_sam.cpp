#include "polder/optim/rules/look_sam.h"

#include <cmath>

#include "polder/optim/flat.h"
#include "polder/optim/registry.h"
#include "polder/optim/scalars.h"

namespace polder::optim {
namespace {

/// Below this share of ||g_p|| the orthogonal part of g_p is rounding noise.
constexpr double kNoise = 1e-6;

}  // namespace

LookSam::LookSam(double rho, std::int64_t k, double alpha, Device device)
    : RadiusRule(rho, device), k_(k), alpha_(alpha) {
  require(k > 0, "LookSam: k is {}, want at least one step from refresh to refresh", k);
  require(std::isfinite(alpha), "LookSam: alpha is {}, want a finite number", alpha);
}

void LookSam::prepare(Objective& objective, const BaseOptimizer&) {
  v_ = objective.arena().make_flat();
  clean_ = objective.arena().make_flat();
}

StepReport LookSam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  return *phase(objective.step()) == 0 ? refresh(objective, batch, g) : reuse(objective, batch, g);
}

StepReport LookSam::refresh(Objective& objective, const Batch& batch, Tensor& g) {
  StepReport report{.radius = radius(), .perturbed = true};
  report.loss = objective.gradient(batch, clean_);                    // g = grad L_B(w)
  const Ascent ascent = ascend(objective.arena(), clean_, radius());  // rho g / (||g|| + c)
  Excursion away(objective, ascent);                                  // w + epsilon is active
  report.perturbed_loss = away.gradient(batch, g);                    // G = grad L_B(w + epsilon)
  keep_orthogonal_part(g, clean_, v_);                                // v = dir(perp(G; g))
  report.gradient_norm = ascent.norm;
  return report;
}

StepReport LookSam::reuse(Objective& objective, const Batch& batch, Tensor& g) {
  StepReport report{.loss = objective.gradient(batch, g), .radius = radius()};
  add_orthogonal_part(alpha_, v_, g);
  return report;
}

std::optional<std::int64_t> LookSam::phase(std::int64_t step) const {
  return step % k_ == 0 ? 0 : 1;
}

void LookSam::visit_state(StateVisitor& visitor) {
  RadiusRule::visit_state(visitor);
  visitor.visit("orthogonal", v_);
}

void keep_orthogonal_part(const Tensor& perturbed, const Tensor& clean, Tensor& v) {
  v.copy_from(perturbed);
  remove_projection(clean, v);
  const Tensor length = norm(v);
  const Tensor counts = at_least(length, affine(norm(perturbed), kNoise));
  scale_by(quotient(counts, affine(length, 1.0, 1e-12)), v);
}

void add_orthogonal_part(double alpha, const Tensor& v, Tensor& g) {
  add(affine(norm(g), alpha), v, g);
}

RuleEntry look_sam_entry() {
  return {.name = "look_sam",
          .summary = "reuse the orthogonal part of the perturbed gradient for k steps",
          .paper = "Liu, Mai, Chen, Hsieh, You, CVPR 2022, arXiv 2203.02714",
          .parameters = {{"rho", "0.05", "radius of the ball"},
                         {"k", "5", "steps from refresh to refresh"},
                         {"alpha", "0.7", "length of the reused part, in units of ||g||"}},
          .cost_formula = "1 + 1/k GE",
          .cost =
              [](const Settings& settings, std::int64_t) {
                return RuleCost{.step = {.gradients = 1},
                                .perturbed = {.gradients = 1},
                                .perturbing = 1.0 / settings.number("k"),
                                .kept = 1,
                                .scratch = 1};
              },
          .trial = {{"rho", "0.5"}, {"k", "2"}},
          .identities = {{.settings = {{"rho", "0"}}, .rule = "none"},
                         {.settings = {{"rho", "0.3"}, {"k", "1"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.3"}}}},
          .make =
              [](const Settings& settings, nn::ParameterArena& arena) {
                return std::make_unique<LookSam>(settings.number("rho"), settings.integer("k"),
                                                 settings.number("alpha"), arena.device());
              }};
}

}  // namespace polder::optim
