#include "polder/optim/rules/agnostic_sam.h"

#include <cmath>

#include "polder/optim/flat.h"
#include "polder/optim/registry.h"
#include "polder/optim/rows.h"
#include "polder/optim/scalars.h"

namespace polder::optim {

AgnosticSam::AgnosticSam(const Options& options, Device device)
    : RadiusRule(options.rho, device), options_(options) {
  require(std::isfinite(options.kappa) && options.kappa >= 0.0,
          "agnostic_sam: kappa is {}, want a finite number >= 0", options.kappa);
  require(options.share > 0.0 && options.share <= 1.0,
          "agnostic_sam: share is {}, want a number in (0, 1]", options.share);
  require(options.momentum >= 0.0 && options.momentum < 1.0,
          "agnostic_sam: momentum is {}, want a number in [0, 1)", options.momentum);
}

void AgnosticSam::prepare(Objective& objective, const BaseOptimizer&) {
  guide_ = objective.arena().make_flat();
  if (options_.momentum > 0.0) memory_ = objective.arena().make_flat();
}

StepReport AgnosticSam::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  const nn::ParameterArena& arena = objective.arena();
  const Batch other = second_batch(objective, batch.size());  // B_v
  const PassOptions still{.move_statistics = false};
  StepReport report{.radius = radius(), .perturbed = true};
  report.loss = objective.gradient(batch, g);  // g_t = grad L_{B_t}(w)
  if (options_.at == At::clean) objective.gradient(other, guide_, still);
  const Ascent ascent = ascend(arena, g, radius());
  Excursion away(objective, ascent);                                          // w'
  if (options_.at == At::ascended) objective.gradient(other, guide_, still);  // g_v
  if (memory_.defined()) mix(1.0 - options_.momentum, guide_, options_.momentum, memory_);
  const Tensor& descent = memory_.defined() ? memory_ : guide_;
  const Tensor second_radius = affine(radius(), options_.kappa);
  away.go_on(opposite(ascend(arena, descent, second_radius)));  // w''
  report.perturbed_loss = away.gradient(batch, g);              // G = grad L_{B_t}(w'')
  report.gradient_norm = ascent.norm;
  return report;
}

Batch AgnosticSam::second_batch(Objective& objective, std::int64_t rows) const {
  const Batch drawn = options_.source == Source::held_out ? objective.validation_batch()
                                                          : objective.fresh_training_batch();
  const std::int64_t wanted = share_of_rows(options_.share, rows);
  return drawn.size() > wanted ? drawn.slice(0, wanted) : drawn;
}

void AgnosticSam::visit_state(StateVisitor& visitor) {
  RadiusRule::visit_state(visitor);
  if (options_.momentum > 0.0) visitor.visit("memory", memory_);
}

RuleEntry agnostic_sam_entry() {
  using At = AgnosticSam::At;
  using Source = AgnosticSam::Source;
  const auto read = [](const Settings& settings) {
    return AgnosticSam::Options{
        .rho = settings.number("rho"),
        .kappa = settings.number("kappa"),
        .at = settings.choice<At>("at", {{"ascended", At::ascended}, {"clean", At::clean}}),
        .source = settings.choice<Source>(
            "val", {{"held_out", Source::held_out}, {"train", Source::train}}),
        .share = settings.number("share"),
        .momentum = settings.number("momentum")};
  };
  return {
      .name = "agnostic_sam",
      .summary = "sam that also steps down on a validation batch before it looks",
      .paper = "Nguyen, Tran, Truong, Do, Phung, Le 2024, arXiv 2406.07107",
      .parameters = {{"rho", "0.05", "radius of the ascent on the training batch (rho1)"},
                     {"kappa", "0.5", "rho2 / rho1: the descent on the validation batch"},
                     {"at", "ascended", "where the validation gradient is taken: ascended, clean"},
                     {"val", "held_out", "second batch: held_out, train (another one)"},
                     {"share", "0.5", "its size as a share of the training batch"},
                     {"momentum", "0", "of the validation gradient (ours); 0: none"}},
      .cost_formula = "2 GE + 1 GE of size |B_v|",
      .cost =
          [](const Settings& settings, std::int64_t rows) {
            const std::int64_t second = share_of_rows(settings.number("share"), rows);
            const double share = static_cast<double>(second) / static_cast<double>(rows);
            return RuleCost{.step = {.gradients = 2.0 + share},
                            .kept = settings.number("momentum") > 0.0 ? 1 : 0,
                            .scratch = 1};
          },
      .needs =
          [](const Settings& settings) {
            const bool held_out = settings.text("val") == "held_out";
            return RuleNeeds{.validation = held_out ? settings.number("share") : 0.0,
                             .fresh_training = !held_out};
          },
      .trial = {{"rho", "0.5"}},
      .identities = {{.settings = {{"rho", "0"}}, .rule = "none"},
                     {.settings = {{"rho", "0.1"}, {"kappa", "0"}},
                      .rule = "sam",
                      .rule_settings = {{"rho", "0.1"}}}},
      .make =
          [read](const Settings& settings, nn::ParameterArena& arena) {
            return std::make_unique<AgnosticSam>(read(settings), arena.device());
          }};
}

}  // namespace polder::optim
