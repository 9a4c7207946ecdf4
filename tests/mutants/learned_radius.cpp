#include <fmt/format.h>

#include "mutants/mutant.h"
#include "polder/lets/hypergradient.h"
#include "polder/lets/radius_parameter.h"
#include "polder/optim/rules/sam.h"

namespace polder::mutants {
namespace {

/// One mistake in learning the radius of sam.
struct Mistake {
  bool upper_at_w = false;         // upper gradients at w instead of w+
  bool stale = false;              // the slope of the step before
  bool ascends = false;            // up the slope
  bool held_out_missing = false;   // both upper losses are on the training batch
  bool fresh_rows = false;         // the training side of the gap is another batch
  bool forgets_clipping = false;   // as if G had not been clipped
  bool rule_keeps_radius = false;  // the rule goes on with the radius it had
  bool not_saved = false;          // the moments of the radius are not in the checkpoint
};

class WrongLets final : public optim::Rule {
 public:
  WrongLets(const Settings& settings, const Mistake& mistake, nn::ParameterArena& arena)
      : mistake_(mistake),
        sam_(settings.number("rho"), arena.device()),
        parameter_(sam_.radius(), options_of(settings)),
        slopes_(lets::make_hypergradient(lets::Curvature::exact, arena)),
        update_every_(settings.integer("update_every")) {
    if (mistake.rule_keeps_radius)
      sam_.set_radius(sam_.radius().clone());
    else
      sam_.set_radius(parameter_.radius());
  }

  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override {
    upper_step_ = (objective.step() + 1) % update_every_ == 0;
    before_ = objective.arena().home().clone();
    if (!upper_step_ && !mistake_.stale) return sam_.gradient(objective, batch, g);
    StepReport report = slopes_->watch(sam_, objective, batch, g);
    report.radius = report.radius.clone();
    return report;
  }

  void after_update(Objective& objective, const Batch& batch, const optim::BaseOptimizer& base,
                    const Tensor& g, const optim::Clipping& clipping) override {
    if (!upper_step_ && !mistake_.stale) return;
    Tensor& w = objective.arena().home();
    const Tensor after = w.clone();
    if (mistake_.upper_at_w) w.copy_from(before_);
    const Tensor slope = slope_of(objective, batch, base, g, clipping);
    w.copy_from(after);
    const Tensor used = mistake_.stale && last_.defined() ? last_ : slope;
    last_ = slope;
    if (upper_step_) parameter_.descend(optim::affine(used, mistake_.ascends ? -1.0 : 1.0));
  }

  void visit_state(StateVisitor& visitor) override {
    sam_.visit_state(visitor);
    if (!mistake_.not_saved) parameter_.visit_state(visitor);
  }

 private:
  static lets::RadiusOptions options_of(const Settings& settings) {
    lets::RadiusOptions options;
    options.learning_rate = settings.number("lr_nu");
    options.parametrisation = lets::parse_parametrisation(settings.text("parametrisation"));
    options.optimizer = lets::parse_upper_optimizer(settings.text("upper_optimizer"));
    return options;
  }

  Tensor slope_of(Objective& objective, const Batch& batch, const optim::BaseOptimizer& base,
                  const Tensor& g, const optim::Clipping& clipping) {
    const Batch training = mistake_.fresh_rows ? objective.fresh_training_batch() : batch;
    const Batch held_out =
        mistake_.held_out_missing ? objective.fresh_training_batch() : objective.validation_batch();
    const optim::Clipping none{};
    return slopes_
        ->finish(sam_, objective, batch, {training, held_out},
                 {base, g, mistake_.forgets_clipping ? none : clipping})
        .slope;
  }

  Mistake mistake_;
  optim::Sam sam_;
  lets::RadiusParameter parameter_;
  std::unique_ptr<lets::Hypergradient> slopes_;
  std::int64_t update_every_;
  bool upper_step_ = false;
  Tensor before_, last_;
};

RuleEntry lets_with(const Mistake& mistake) {
  RuleEntry entry = true_rules().find("lets_sam");
  entry.make = [mistake](const Settings& settings, nn::ParameterArena& arena) {
    return std::make_unique<WrongLets>(settings, mistake, arena);
  };
  return entry;
}

}  // namespace

std::vector<Mutant> learned_radius() {
  const std::string family = "learned_radius";
  const std::vector<std::string> wrong_slope = {"hypergradient", "reference"};
  return {
      {family, "upper_gradients_at_w", "the upper objective is seen before the update",
       lets_with({.upper_at_w = true}), wrong_slope},
      {family, "stale_hypergradient", "the radius moves along the slope of the step before",
       lets_with({.stale = true}), wrong_slope},
      {family, "ascends", "the radius climbs", lets_with({.ascends = true}), wrong_slope},
      {family, "held_out_missing", "the held-out batch is a training batch",
       lets_with({.held_out_missing = true}), wrong_slope},
      {family, "gap_to_other_rows", "the gap is to rows that the step did not see",
       lets_with({.fresh_rows = true}), wrong_slope},
      {family,
       "forgets_clipping",
       "the slope is that of an unclipped step",
       lets_with({.forgets_clipping = true}),
       {"hypergradient"}},
      {family, "rule_keeps_its_radius", "what is learned does not reach the rule",
       lets_with({.rule_keeps_radius = true}), wrong_slope},
      {family,
       "moments_not_saved",
       "a checkpoint lacks what moves the radius",
       lets_with({.not_saved = true}),
       {"resume"}},
      {family,
       "lets_as_it_should_be",
       "no mistake",
       lets_with({}),
       {"hypergradient", "reference", "resume"},
       true},
  };
}

}  // namespace polder::mutants
