#include "polder/optim/rules/ae_look_sam.h"

#include <cmath>

#include "polder/optim/registry.h"
#include "polder/optim/rules/look_sam.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

AeLookSam::AeLookSam(double rho, const NormTrend& trend, double alpha, std::int64_t max_age,
                     bool always, Device device)
    : RadiusRule(rho, device), trend_(trend), alpha_(alpha), max_age_(max_age), always_(always) {
  require(std::isfinite(alpha), "AeLookSam: alpha is {}, want a finite number", alpha);
  require(max_age >= 0, "AeLookSam: max_age is {}, want a number of steps, or 0 for no bound",
          max_age);
}

void AeLookSam::prepare(Objective& objective, const BaseOptimizer&) {
  v_ = objective.arena().make_flat();
  clean_ = objective.arena().make_flat();
  started_ = constant(0.0, objective.arena().device());
  age_ = constant(0.0, objective.arena().device());
}

/// 1 where v is to be refreshed.
Tensor AeLookSam::decide(const Tensor& squared_norm, const Tensor& elapsed) {
  const Tensor large = trend_.decide(squared_norm, elapsed);
  if (always_) return constant(1.0, large.device());
  Tensor due = larger(large, affine(started_, -1.0, 1.0));
  if (max_age_ == 0) return due;
  return larger(due, at_least(age_, constant(static_cast<double>(max_age_), age_.device())));
}

StepReport AeLookSam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  StepReport report{.radius = radius(), .perturbed = true};
  report.loss = objective.gradient(batch, g);                    // g = grad L_B(w)
  const Ascent ascent = ascend(objective.arena(), g, radius());  // epsilon = rho g / (||g|| + c)
  report.gradient_norm = ascent.norm;
  report.perturbed_loss = report.loss.clone();
  report.decision = decide(ascent.squared_norm, objective.elapsed());
  const Tensor kept = affine(report.decision, -1.0, 1.0);
  objective.branch(report.decision, [&] {
    clean_.copy_from(g);
    Excursion away(objective, ascent);                         // w + epsilon is active
    report.perturbed_loss.copy_from(away.gradient(batch, g));  // G = grad L_B(w + epsilon)
    keep_orthogonal_part(g, clean_, v_);                       // v = dir(perp(G; g))
  });
  objective.branch(kept, [&] { add_orthogonal_part(alpha_, v_, g); });  // G = g + alpha ||g|| v
  age_.copy_from(product(affine(age_, 1.0, 1.0), kept));
  kernels::backend_of(started_).fill(1.0, started_);
  report.scalars = {{"age", age_.clone()}};
  return report;
}

void AeLookSam::visit_state(StateVisitor& visitor) {
  RadiusRule::visit_state(visitor);
  trend_.visit_state(visitor);
  visitor.visit("orthogonal", v_);
  visitor.visit("started", started_);
  visitor.visit("age", age_);
}

RuleEntry ae_look_sam_entry() {
  return {
      .name = "ae_look_sam",
      .summary = "look_sam that refreshes where the gradient is large for its recent history",
      .paper = "Jiang, Yang, Zhang, Kwok, ICLR 2023, arXiv 2304.14647",
      .parameters = {{"rho", "0.05", "radius of the ball"},
                     {"delta", "0.9", "how slowly the history forgets"},
                     {"lambda1", "0", "deviations above the mean that count, at the end"},
                     {"lambda2", "2", "the same at the start"},
                     {"alpha", "0.7", "length of the reused part, in units of ||g||"},
                     {"max_age", "0", "v is reused at most so many times; 0: no bound"},
                     {"force", "off", "off, always (sam)"}},
      .cost_formula = "1 + f GE, f the share of perturbing steps",
      .cost =
          [](const Settings& settings, std::int64_t) {
            return RuleCost{.step = {.gradients = 1},
                            .perturbed = {.gradients = 1},
                            .perturbing = settings.text("force") == "always" ? 1.0 : 0.2,
                            .kept = 1,
                            .scratch = 1};
          },
      .needs = [](const Settings&) { return RuleNeeds{.course = true}; },
      .trial = {{"rho", "0.5"}, {"max_age", "1"}},
      .identities =
          {{.settings = {{"rho", "0.1"}, {"force", "always"}},
            .rule = "sam",
            .rule_settings = {{"rho", "0.1"}}},
           {.settings = {{"rho", "0.1"}, {"max_age", "4"}, {"lambda1", "99"}, {"lambda2", "99"}},
            .rule = "look_sam",
            .rule_settings = {{"rho", "0.1"}, {"k", "5"}}},
           {.settings = {{"rho", "0.1"}, {"alpha", "0"}},
            .rule = "ae_sam",
            .rule_settings = {{"rho", "0.1"}, {"lambda1", "0"}, {"lambda2", "2"}}}},
      .make =
          [](const Settings& settings, nn::ParameterArena& arena) {
            const NormTrend trend(settings.number("delta"), settings.number("lambda1"),
                                  settings.number("lambda2"), arena.device());
            return std::make_unique<AeLookSam>(
                settings.number("rho"), trend, settings.number("alpha"),
                settings.integer("max_age"),
                settings.choice<bool>("force", {{"off", false}, {"always", true}}), arena.device());
          }};
}

}  // namespace polder::optim
