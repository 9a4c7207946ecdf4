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
  StepReport report{.radius = radius(), .perturbed = true};
  report.loss = objective.gradient(batch, g);  // g_t = grad L_{B_t}(w)
  const Ascent ascent = ascend(arena, g, radius());
  report.gradient_norm = ascent.norm;
  if (options_.at == At::clean) {
    look_at_other(objective, other);                       // g_v = grad L_{B_v}(w)
    Excursion away(objective, both_steps(arena, ascent));  // w''
    report.perturbed_loss = away.gradient(batch, g);       // G = grad L_{B_t}(w'')
    return report;
  }
  Excursion away(objective, ascent);  // w'
  look_at_other(objective, other);    // g_v = grad L_{B_v}(w')
  const Tensor second_radius = affine(radius(), options_.kappa);
  away.go_on(opposite(ascend(arena, guide_, second_radius)));  // w''
  report.perturbed_loss = away.gradient(batch, g);             // G = grad L_{B_t}(w'')
  return report;
}

/// Writes g_v, or its average m_v, to guide_.
void AgnosticSam::look_at_other(Objective& objective, const Batch& other) {
  objective.gradient(other, guide_, {.move_statistics = false});
  if (!memory_.defined()) return;
  mix(1.0 - options_.momentum, guide_, options_.momentum, memory_);
  guide_.copy_from(memory_);
}

/// u = dir(g_t) - kappa dir(g_v) as one step: along g_t - kappa (unit_v / unit_t) g_v, in units of
/// g_t. Neither direction depends on rho.
Ascent AgnosticSam::both_steps(const nn::ParameterArena& arena, const Ascent& first) {
  const Tensor unit = ascend(arena, guide_, radius()).unit;
  const Tensor one = constant(1.0, arena.device());
  mix(one, first.direction, affine(quotient(unit, first.unit), -options_.kappa), guide_);
  Ascent both = first;
  both.direction = guide_;
  return both;
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
      .reach = Reach::other,
      .trial = {{"rho", "0.5"}},
      .identities = {{.settings = {{"rho", "0"}}, .rule = "none"},
                     {.settings = {{"rho", "0"}, {"at", "clean"}}, .rule = "none"},
                     {.settings = {{"rho", "0.1"}, {"kappa", "0"}},
                      .rule = "sam",
                      .rule_settings = {{"rho", "0.1"}}},
                     {.settings = {{"rho", "0.1"}, {"kappa", "0"}, {"at", "clean"}},
                      .rule = "sam",
                      .rule_settings = {{"rho", "0.1"}}}},
      .make =
          [read](const Settings& settings, nn::ParameterArena& arena) {
            return std::make_unique<AgnosticSam>(read(settings), arena.device());
          }};
}

}  // namespace polder::optim
