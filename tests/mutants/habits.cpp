#include "mutants/mutant.h"
#include "polder/autograd/functions.h"

namespace polder::mutants {
namespace {

/// The first pass adds to what was in g.
StepReport adds_to_what_was_there(const Step& step) {
  StepReport report{.radius = step.rho, .perturbed = true};
  report.loss = step.objective.gradient(step.batch, step.g, {.accumulate = true});
  Excursion away(step.objective, optim::ascend(step.arena(), step.g, step.rho));
  report.perturbed_loss = away.gradient(step.batch, step.g, 1.0, {.accumulate = true});
  return report;
}

/// A term that is a mean over the rows it is shown: they are those of a micro-batch.
StepReport mean_of_a_chunk(const Step& step) {
  const optim::LossTerm term = [](const autograd::Variable& outputs, const Batch& rows) {
    return autograd::affine(autograd::cross_entropy(outputs, rows.targets, 0.0),
                            1.0 / static_cast<double>(rows.size()));
  };
  return {.loss = step.objective.gradient(step.batch, step.g, {.term = &term}), .radius = step.rho};
}

/// ||g_s|| divides as it is, and a segment that no pass used has none.
StepReport divides_by_a_missing_gradient(const Step& step) {
  auto [report, ascent] = look_around(step);
  Tensor x = step.g.clone();
  for (const nn::Segment& segment : step.arena().segments()) {
    Tensor part = step.arena().part(x, segment);
    optim::scale_by(optim::map(kernels::Unary::reciprocal, optim::norm(part)), part);
  }
  Excursion away(step.objective, optim::displace(step.arena(), x, step.rho));
  report.perturbed_loss = away.gradient(step.batch, step.g);
  return report;
}

/// gnp as it is, but nobody is told that its G is a mixture.
WrongGradient without_its_map(const Settings& settings) {
  return [alpha = settings.number("alpha")](const Step& step) {
    auto [report, ascent] = look_around(step);
    const Tensor clean = step.g.clone();
    ascent.direction = clean;
    Excursion away(step.objective, ascent);
    report.perturbed_loss = away.gradient(step.batch, step.g);
    optim::mix(1.0 - alpha, clean, alpha, step.g);
    return report;
  };
}

/// sam whose map mixes with its gradient, and whose adjoint forgets to.
class OneSidedMap final : public optim::RadiusRule {
 public:
  using RadiusRule::RadiusRule;
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override {
    StepReport report{.loss = objective.gradient(batch, g), .radius = radius(), .perturbed = true};
    seen_ = g.clone();
    return report;
  }
  void map_tangent(Tensor& x) const override { optim::remove_projection(seen_, x); }
  void map_adjoint(Tensor&) const override {}

 private:
  Tensor seen_;
};

StepReport has_a_radius_of_its_own(const Step& step) {
  auto [report, ascent] = look_around(step);
  const Tensor fixed = optim::constant(0.05, step.rho.device());
  Excursion away(step.objective, optim::ascend(step.arena(), step.g, fixed));
  report.perturbed_loss = away.gradient(step.batch, step.g);
  return report;
}

StepReport climbs(const Step& step) {
  auto [report, ascent] = look_around(step);
  optim::scale_by(optim::constant(-1.0, step.g.device()), step.g);
  return report;
}

/// Looks at every second step, and does not say that steps have phases.
StepReport has_silent_phases(const Step& step) {
  auto [report, ascent] = look_around(step);
  report.perturbed = step.objective.step() % 2 == 0;
  if (!report.perturbed) return report;
  Excursion away(step.objective, ascent);
  report.perturbed_loss = away.gradient(step.batch, step.g);
  return report;
}

/// A thousandth more on every device but the cpu.
StepReport depends_on_the_device(const Step& step) {
  StepReport report{.loss = step.objective.gradient(step.batch, step.g), .radius = step.rho};
  const double factor = step.g.device() == kCpu ? 1.0 : 1.001;
  optim::scale_by(optim::constant(factor, step.g.device()), step.g);
  return report;
}

template <class R>
RuleEntry made_of(const std::string& rule) {
  RuleEntry entry = true_rules().find(rule);
  entry.make = [](const Settings& settings, nn::ParameterArena& arena) {
    return std::make_unique<R>(settings.number("rho"), arena.device());
  };
  return entry;
}

RuleEntry without_a_summary() {
  RuleEntry entry = true_rules().find("sam");
  entry.summary.clear();
  return entry;
}

}  // namespace

std::vector<Mutant> habits() {
  const std::string family = "habits";
  return {
      {family,
       "adds_to_what_was_there",
       "the first pass does not clear g",
       with_gradient("sam", adds_to_what_was_there),
       {"overwrite"}},
      {family,
       "mean_of_a_chunk",
       "a term is divided by the rows of its micro-batch",
       with_gradient("sam", mean_of_a_chunk),
       {"chunks"}},
      {family,
       "divides_by_a_missing_gradient",
       "0 / 0 where a segment has no gradient",
       with_gradient("sam", divides_by_a_missing_gradient),
       {"missing", "zero"}},
      {family,
       "without_its_map",
       "G mixes gradients, and lets is not told",
       with_gradient("gnp", without_its_map),
       {"slope"}},
      {family,
       "one_sided_map",
       "the adjoint of the map is not its adjoint",
       made_of<OneSidedMap>("sam"),
       {"adjoint"}},
      {family,
       "radius_of_its_own",
       "the radius that is set does not matter",
       with_gradient("sam", has_a_radius_of_its_own),
       {"radius", "radius_zero"}},
      {family,
       "does_nothing",
       "it is the base optimizer",
       with_number("sam", "rho", [](double) { return 0.0; }),
       {"works", "reference"}},
      {family, "climbs", "G points uphill", with_gradient("sam", climbs), {"learns"}},
      {family, "nobody_knows_it", "its entry has no summary", without_a_summary(), {"described"}},
      {family,
       "silent_phases",
       "a path chosen on the host, and no phase says so",
       with_gradient("sam", has_silent_phases),
       {"recorded"}},
      {family,
       "depends_on_the_device",
       "G is another one on another device",
       with_gradient("sam", depends_on_the_device),
       {"as_cpu"}},
  };
}

}  // namespace polder::mutants
