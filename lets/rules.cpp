#include <algorithm>

#include "polder/lets/lets.h"

namespace polder::lets {

using optim::HyperParameter;
using optim::RadiusRule;
using optim::Rule;
using optim::RuleEntry;
using optim::RuleNeeds;
using optim::Settings;

namespace {

const std::vector<HyperParameter>& hyper_parameters() {
  static const std::vector<HyperParameter> parameters = {
      {"curvature", "exact", "way to H u: exact, finite_difference, secant, squared_gradient"},
      {"upper_objective", "squared_gap",
       "what the radius descends: squared_gap (the paper's), validation_loss"},
      {"gap_batch", "same",
       "training side of the gap: same (the step's own batch), fresh (another)"},
      {"lr_nu", "1e-3", "learning rate of the radius; 0 holds it"},
      {"update_every", "1", "an upper step every so many steps"},
      {"parametrisation", "log", "log: rho = rho0 exp(nu); clipped: steps on rho itself"},
      {"upper_optimizer", "adam", "what moves the radius: adam, sgd"},
      {"per_segment", "false", "one radius per segment"},
      {"rho_min", "1e-5", "smallest radius"},
      {"rho_max", "1e2", "largest radius"},
      {"allow_inexact", "false", "go on without terms that the rule or the optimizer leaves out"},
  };
  return parameters;
}

LetsOptions read_options(const Settings& settings) {
  LetsOptions options;
  options.curvature = parse_curvature(settings.text("curvature"));
  options.upper_objective = parse_upper_objective(settings.text("upper_objective"));
  options.gap_batch = parse_gap_batch(settings.text("gap_batch"));
  options.radius.learning_rate = settings.number("lr_nu");
  options.update_every = settings.integer("update_every");
  options.radius.parametrisation = parse_parametrisation(settings.text("parametrisation"));
  options.radius.optimizer = parse_upper_optimizer(settings.text("upper_optimizer"));
  options.per_segment = settings.flag("per_segment");
  options.radius.rho_min = settings.number("rho_min");
  options.radius.rho_max = settings.number("rho_max");
  options.allow_inexact = settings.flag("allow_inexact");
  return options;
}

/// The rule of an entry when it has a radius, else null. Throws Error (`lets_<name>` asked for).
std::unique_ptr<RadiusRule> make_radius_rule(const RuleEntry& entry, const Settings& settings,
                                             nn::ParameterArena& arena) {
  std::unique_ptr<Rule> rule = entry.make(settings, arena);
  auto* with_radius = dynamic_cast<RadiusRule*>(rule.get());
  if (with_radius == nullptr) return nullptr;
  static_cast<void>(rule.release());
  return std::unique_ptr<RadiusRule>(with_radius);
}

/// Tries the entry on a single weight.
bool has_radius(const RuleEntry& entry) {
  nn::ParameterArena arena({{"w", Tensor::zeros({1})}});
  Settings defaults;
  for (const HyperParameter& parameter : entry.parameters)
    defaults.set(parameter.name, parameter.value);
  return make_radius_rule(entry, defaults, arena) != nullptr;
}

/// The wrapped rule's cost and, on average over steps, that of upper steps. Not exact: the
/// curvature is paid for at each look, and is counted here as one at the whole batch.
optim::RuleCost cost_with_upper_steps(const RuleEntry& wrapped, const Settings& settings,
                                      std::int64_t rows) {
  optim::RuleCost cost = wrapped.cost(settings, rows);
  const LetsOptions options = read_options(settings);
  const double share = cost.perturbing / static_cast<double>(options.update_every);
  const bool gap = options.upper_objective == UpperObjective::squared_gap;
  optim::WorkCount upper{.gradients = gap ? 2.0 : 1.0};
  if (options.curvature == Curvature::exact) upper.hessian_products = 1.0;
  if (options.curvature == Curvature::finite_difference) upper.gradients += 2.0;
  cost.step = cost.step + share * upper;
  const bool product =
      options.curvature == Curvature::exact || options.curvature == Curvature::squared_gradient;
  cost.scratch += product ? 3 : 2;
  return cost;
}

RuleEntry with_learned_radius(const RuleEntry& wrapped) {
  RuleEntry entry;
  entry.name = "lets_" + wrapped.name;
  entry.summary = wrapped.name + " with its radius learned on held-out data";
  entry.paper = "Wang, Jiang, Fu, Zhang 2024, arXiv 2408.08222, over " + wrapped.paper;
  entry.parameters = wrapped.parameters;
  for (const HyperParameter& parameter : hyper_parameters()) entry.parameters.push_back(parameter);
  entry.cost_formula = wrapped.cost_formula + "; 2 GE more an upper step, and 1 H v or 2 GE";
  entry.estimate = [wrapped](const Settings& settings, std::int64_t rows) {
    return cost_with_upper_steps(wrapped, settings, rows);
  };
  entry.trial = wrapped.trial;
  // Checks go on over rules without an exact derivative too.
  entry.trial.emplace("allow_inexact", "true");
  optim::Identity held{entry.trial, wrapped.name, wrapped.trial};
  held.settings.emplace("lr_nu", "0");  // upper passes are made, and nothing moves
  entry.identities.push_back(held);
  entry.reach = wrapped.reach;
  entry.needs = [wrapped](const Settings& settings) {
    RuleNeeds needs = wrapped.needs ? wrapped.needs(settings) : RuleNeeds{};
    needs.validation = 1.0;
    const LetsOptions options = read_options(settings);
    if (options.upper_objective == UpperObjective::squared_gap &&
        options.gap_batch == GapBatch::fresh)
      needs.fresh_training = true;
    return needs;
  };
  entry.make = [wrapped](const Settings& settings, nn::ParameterArena& arena) {
    return std::make_unique<Lets>(make_radius_rule(wrapped, settings, arena),
                                  read_options(settings), arena);
  };
  return entry;
}

}  // namespace

void add_rules(optim::RuleRegistry& registry) {
  const std::vector<RuleEntry> entries = registry.entries();
  for (const RuleEntry& entry : entries) {
    if (has_radius(entry))
      registry.add(with_learned_radius(entry));
    else
      registry.refuse("lets_" + entry.name, entry.name + " has no radius that lets could learn");
  }
}

}  // namespace polder::lets
