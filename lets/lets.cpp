#include "polder/lets/lets.h"

#include <utility>

#include "polder/core/text.h"

namespace polder::lets {

using optim::Objective;
using optim::RadiusRule;
using optim::StepReport;

namespace {

/// The wrapped rule's radius where learning starts: as it is, or repeated for every segment.
Tensor starting_radius(const RadiusRule* rule, const LetsOptions& options,
                       const nn::ParameterArena& arena) {
  require(rule != nullptr, "lets: no rule to wrap, wanted one with a radius");
  const Tensor& rho = rule->radius();
  require(options.per_segment || rho.rank() == 0,
          "lets: the wrapped rule has {} radii, wanted one, or per_segment", rho.numel());
  if (!options.per_segment || rho.rank() == 1) return rho;
  const std::vector<double> radii(arena.segments().size(), rho.item());
  return Tensor::from(radii, {static_cast<std::int64_t>(radii.size())}, rho.device());
}

std::unique_ptr<Hypergradient> choose_hypergradient(const LetsOptions& options,
                                                    const nn::ParameterArena& arena) {
  const auto make = options.per_segment ? make_segment_hypergradient : make_hypergradient;
  return make(options.curvature, arena, options.difference_step);
}

/// Overwrites what was kept; a recorded step knows this memory.
void keep(const Tensor& found, Tensor& kept) {
  if (!found.defined()) return;
  if (!kept.defined()) kept = Tensor::empty(found.shape(), found.dtype(), found.device());
  kept.copy_from(found);
}

}  // namespace

std::string_view to_string(GapBatch choice) { return choice == GapBatch::same ? "same" : "fresh"; }

GapBatch parse_gap_batch(const std::string& name) {
  if (name == "same") return GapBatch::same;
  if (name == "fresh") return GapBatch::fresh;
  fail("lets: unknown gap batch '{}', the nearest is '{}'", name,
       nearest_name(name, {"same", "fresh"}));
}

Lets::Lets(std::unique_ptr<RadiusRule> wrapped, const LetsOptions& options,
           nn::ParameterArena& arena)
    : wrapped_(std::move(wrapped)),
      options_(options),
      parameter_(starting_radius(wrapped_.get(), options, arena), options.radius),
      hypergradient_(choose_hypergradient(options, arena)) {
  require(options.update_every >= 1, "lets: update_every is {}, wanted at least 1",
          options.update_every);
  const std::string_view reason = wrapped_->inexact_because();
  require(reason.empty() || options_.allow_inexact,
          "lets: the wrapped rule has no exact derivative by its radius, because {}; set "
          "allow_inexact to go on without the missing terms",
          reason);
  wrapped_->set_radius(parameter_.radius());
}

void Lets::prepare(Objective& objective, const optim::BaseOptimizer& base) {
  wrapped_->prepare(objective, base);
}

StepReport Lets::gradient(Objective& objective, const Batch& batch, Tensor& g) {
  upper_step_ = false;
  if (!is_upper_step(objective.step())) return wrapped_->gradient(objective, batch, g);
  StepReport report = hypergradient_->watch(*wrapped_, objective, batch, g);
  upper_step_ = report.perturbed;
  decision_ = report.decision;
  report.radius = report.radius.clone();  // the radius of this step, not of the next
  return report;
}

void Lets::after_update(Objective& objective, const Batch& batch, const optim::BaseOptimizer& base,
                        const Tensor& g, const optim::Clipping& clipping) {
  require(base.derivative_is_exact() || options_.allow_inexact,
          "lets: the base optimizer has no exact derivative by its gradient; choose another one, "
          "or set allow_inexact");
  wrapped_->after_update(objective, batch, base, g, clipping);
  if (!std::exchange(upper_step_, false) || !base.derivative_is_reliable()) return;
  const UpperObjective upper = options_.upper_objective;
  const bool fresh = upper == UpperObjective::squared_gap && options_.gap_batch == GapBatch::fresh;
  const Batch training = fresh ? objective.fresh_training_batch() : batch;
  const Batch validation = objective.validation_batch();
  const auto upper_step = [&] {
    const UpperSlope found = hypergradient_->finish(
        *wrapped_, objective, batch, {training, validation, upper}, {base, g, clipping});
    parameter_.descend(found.slope);
    keep(found.validation_loss, last_upper_.validation_loss);
    keep(found.gap, last_upper_.gap);
    keep(found.slope, last_upper_.slope);
  };
  if (!decision_.defined()) return upper_step();
  objective.branch(decision_, upper_step);
}

bool Lets::is_upper_step(std::int64_t step) const {
  return (step + 1) % options_.update_every == 0;
}

std::optional<std::int64_t> Lets::phase(std::int64_t step) const {
  const std::optional<std::int64_t> inner = wrapped_->phase(step);
  if (!inner) return std::nullopt;
  return 2 * *inner + (is_upper_step(step) ? 1 : 0);
}

void Lets::visit_state(StateVisitor& visitor) {
  wrapped_->visit_state(visitor);
  parameter_.visit_state(visitor);
}

}  // namespace polder::lets
