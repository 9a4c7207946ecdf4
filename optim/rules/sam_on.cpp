#include "polder/optim/rules/sam_on.h"

#include <algorithm>
#include <cmath>

#include "polder/optim/flat.h"
#include "polder/optim/registry.h"

namespace polder::optim {

using nn::SegmentKind;

SamOn::SamOn(double rho, Only only, Variant variant, double xi, Device device)
    : RadiusRule(rho, device), only_(only) {
  require(std::isfinite(xi) && xi >= 0.0, "sam_on: xi is {}, want a finite number >= 0", xi);
  if (variant == Variant::asam) metric_ = {.adaptive = true, .xi = xi, .everywhere = true};
}

void SamOn::prepare(Objective& objective, const BaseOptimizer&) {
  const auto perturbed = [this](const nn::Segment& segment) {
    const bool norm =
        segment.kind == SegmentKind::norm_scale || segment.kind == SegmentKind::norm_shift;
    return norm == (only_ == Only::norm);
  };
  require(std::ranges::any_of(objective.arena().segments(), perturbed),
          "sam_on: the model has no {} to perturb, choose another model or rule",
          only_ == Only::norm ? "normalisation layers" : "weights outside normalisation layers");
}

StepReport SamOn::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  const nn::ParameterArena& arena = objective.arena();
  StepReport report{.radius = radius(), .perturbed = true};
  report.loss = objective.gradient(batch, g);  // g = grad L_B(w)
  if (only_ == Only::norm)                     // x
    keep_only(arena, {SegmentKind::norm_scale, SegmentKind::norm_shift}, g);
  else
    keep_only(arena, {SegmentKind::weight, SegmentKind::bias, SegmentKind::embedding}, g);
  Ascent ascent = ascend(arena, g, radius(), metric_);  // rho T T x / (||T x|| + c)
  ascent.clean = {};                                    // x is not the whole gradient
  Excursion away(objective, ascent);                    // w + epsilon is active
  report.perturbed_loss = away.gradient(batch, g);      // G = grad L_B(w + epsilon), all weights
  report.gradient_norm = ascent.norm;
  return report;
}

RuleEntry sam_on_entry() {
  using Only = SamOn::Only;
  using Variant = SamOn::Variant;
  return {
      .name = "sam_on",
      .summary = "sam that perturbs the normalisation layers only",
      .paper = "Mueller, Vlaar, Rolnick, Hein, NeurIPS 2023, arXiv 2306.04226",
      .parameters = {{"rho", "0.5", "radius of the ball, in units of the weights (asam)"},
                     {"only", "norm", "what is perturbed: norm, no_norm"},
                     {"variant", "asam", "measure of the ball: asam, sam"},
                     {"xi", "0", "added to |w| (asam)"}},
      .cost_formula = "2 GE",
      .cost = [](const Settings&, std::int64_t) { return RuleCost{.step = {.gradients = 2}}; },
      .needs =
          [](const Settings& settings) {
            return RuleNeeds{.normalisation = settings.text("only") == "norm"};
          },
      .trial = {{"rho", "5"}},
      .identities = {{.settings = {{"rho", "0"}}, .rule = "none"},
                     {.settings = {{"rho", "0"}, {"only", "no_norm"}}, .rule = "none"}},
      .make =
          [](const Settings& settings, nn::ParameterArena& arena) {
            return std::make_unique<SamOn>(
                settings.number("rho"),
                settings.choice<Only>("only", {{"norm", Only::norm}, {"no_norm", Only::no_norm}}),
                settings.choice<Variant>("variant",
                                         {{"asam", Variant::asam}, {"sam", Variant::sam}}),
                settings.number("xi"), arena.device());
          }};
}

}  // namespace polder::optim
