#include "polder/optim/rules/ae_sam.h"

#include <cmath>

#include "polder/optim/registry.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

NormTrend::NormTrend(double delta, double lambda1, double lambda2, Device device)
    : delta_(delta),
      lambda1_(lambda1),
      lambda2_(lambda2),
      mean_(constant(0.0, device)),
      variance_(constant(1e-10, device)) {
  require(delta >= 0.0 && delta < 1.0, "NormTrend: delta is {}, want a number in [0, 1)", delta);
  require(std::isfinite(lambda1) && std::isfinite(lambda2),
          "NormTrend: lambda1 is {} and lambda2 {}, want finite numbers", lambda1, lambda2);
}

Tensor NormTrend::decide(const Tensor& s, const Tensor& elapsed) {
  kernels::Backend& backend = kernels::backend_of(s);
  backend.axpby(1.0 - delta_, s, delta_, mean_);
  const Tensor off = difference(s, mean_);
  backend.axpby(1.0 - delta_, product(off, off), delta_, variance_);
  const Tensor c = affine(elapsed, lambda1_ - lambda2_, lambda2_);
  const Tensor deviation = map(kernels::Unary::sqrt, variance_);
  return at_least(s, sum(mean_, product(c, deviation)));
}

void NormTrend::visit_state(StateVisitor& visitor) {
  visitor.visit("norm_mean", mean_);
  visitor.visit("norm_variance", variance_);
}

AeSam::AeSam(double rho, const NormTrend& trend, Force force, Device device)
    : RadiusRule(rho, device), trend_(trend), force_(force) {}

StepReport AeSam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  StepReport report{.radius = radius(), .perturbed = force_ != Force::never};
  report.loss = objective.gradient(batch, g);                    // g = grad L_B(w)
  const Ascent ascent = ascend(objective.arena(), g, radius());  // epsilon = rho g / (||g|| + c)
  report.gradient_norm = ascent.norm;
  report.perturbed_loss = report.loss.clone();
  const auto look = [&] {
    Excursion away(objective, ascent);                         // w + epsilon is active
    report.perturbed_loss.copy_from(away.gradient(batch, g));  // G = grad L_B(w + epsilon)
  };
  if (force_ == Force::always) look();
  if (force_ != Force::off) return report;
  report.decision = trend_.decide(ascent.squared_norm, objective.elapsed());
  objective.branch(report.decision, look);
  return report;
}

void AeSam::visit_state(StateVisitor& visitor) {
  RadiusRule::visit_state(visitor);
  trend_.visit_state(visitor);
}

RuleEntry ae_sam_entry() {
  using Force = AeSam::Force;
  return {.name = "ae_sam",
          .summary = "sam only where the gradient is large for its recent history",
          .paper = "Jiang, Yang, Zhang, Kwok, ICLR 2023, arXiv 2304.14647",
          .parameters = {{"rho", "0.05", "radius of the ball"},
                         {"delta", "0.9", "how slowly the history forgets"},
                         {"lambda1", "-1", "deviations above the mean that count, at the end"},
                         {"lambda2", "1", "the same at the start"},
                         {"force", "off", "off, always (sam), never (the base optimizer)"}},
          .cost_formula = "1 + f GE, f the share of perturbing steps",
          .cost =
              [](const Settings& settings, std::int64_t) {
                const std::string& force = settings.text("force");
                return RuleCost{.step = {.gradients = 1},
                                .perturbed = {.gradients = 1},
                                .perturbing = force == "off"      ? 0.5
                                              : force == "always" ? 1.0
                                                                  : 0.0};
              },
          .needs = [](const Settings&) { return RuleNeeds{.course = true}; },
          .trial = {{"rho", "0.5"}},
          .identities = {{.settings = {{"rho", "0"}}, .rule = "none"},
                         {.settings = {{"force", "never"}}, .rule = "none"},
                         {.settings = {{"force", "always"}, {"rho", "0.1"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.1"}}}},
          .make =
              [](const Settings& settings, nn::ParameterArena& arena) {
                const NormTrend trend(settings.number("delta"), settings.number("lambda1"),
                                      settings.number("lambda2"), arena.device());
                return std::make_unique<AeSam>(
                    settings.number("rho"), trend,
                    settings.choice<Force>(
                        "force",
                        {{"off", Force::off}, {"always", Force::always}, {"never", Force::never}}),
                    arena.device());
              }};
}

}  // namespace polder::optim
