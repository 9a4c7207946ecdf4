#include "polder/optim/rules/fisher_sam.h"

#include <cmath>

#include "polder/optim/flat.h"
#include "polder/optim/registry.h"

namespace polder::optim {
namespace {

/// y <- g / (1 + eta g o g)
void scale_by_fisher(double eta, const Tensor& g, Tensor& y) {
  kernels::Backend& backend = kernels::backend_of(g);
  backend.unary(kernels::Unary::square, g, y);
  backend.affine(y, eta, 1.0, y);
  backend.unary(kernels::Unary::reciprocal, y, y);
  multiply(g, y);
}

}  // namespace

FisherSam::FisherSam(double rho, double eta, Length length, Device device)
    : RadiusRule(rho, device), eta_(eta), length_(length) {
  require(std::isfinite(eta) && eta >= 0.0, "fisher_sam: eta is {}, want a finite number >= 0",
          eta);
}

void FisherSam::prepare(Objective& objective, const BaseOptimizer&) {
  scaled_ = objective.arena().make_flat();
}

StepReport FisherSam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  StepReport report{.radius = radius(), .perturbed = true};
  report.loss = objective.gradient(batch, g);  // g = grad L_B(w)
  scale_by_fisher(eta_, g, scaled_);           // f g
  const Tensor square = length_ == Length::ellipsoid ? dot(g, scaled_) : squared_norm(scaled_);
  Ascent ascent = ascend_along(objective.arena(), scaled_, square, radius());
  ascent.clean = g;
  Excursion away(objective, ascent);                // w + epsilon is active
  report.perturbed_loss = away.gradient(batch, g);  // G = grad L_B(w + epsilon)
  report.gradient_norm = ascent.norm;
  return report;
}

RuleEntry fisher_sam_entry() {
  using Length = FisherSam::Length;
  return {.name = "fisher_sam",
          .summary = "sam in the ellipsoid of a diagonal Fisher estimate",
          .paper = "Kim, Li, Hu, Hospedales, ICML 2022, arXiv 2206.04920",
          .parameters = {{"rho", "0.1", "radius in the ellipsoid's own measure"},
                         {"eta", "1", "how much the squared gradient shrinks an axis"},
                         {"length", "ellipsoid", "what is divided by: ellipsoid, euclid"}},
          .cost_formula = "2 GE",
          .cost = [](const Settings&,
                     std::int64_t) { return RuleCost{.step = {.gradients = 2}, .scratch = 1}; },
          .reach = Reach::other,
          .trial = {{"rho", "0.5"}, {"eta", "40"}},
          .identities = {{.settings = {{"rho", "0"}}, .rule = "none"},
                         {.settings = {{"rho", "0.1"}, {"eta", "0"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.1"}}},
                         {.settings = {{"rho", "0.1"}, {"eta", "0"}, {"length", "euclid"}},
                          .rule = "sam",
                          .rule_settings = {{"rho", "0.1"}}}},
          .make =
              [](const Settings& settings, nn::ParameterArena& arena) {
                return std::make_unique<FisherSam>(
                    settings.number("rho"), settings.number("eta"),
                    settings.choice<Length>(
                        "length", {{"ellipsoid", Length::ellipsoid}, {"euclid", Length::euclid}}),
                    arena.device());
              }};
}

}  // namespace polder::optim
