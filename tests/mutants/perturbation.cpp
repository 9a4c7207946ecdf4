#include "mutants/mutant.h"

namespace polder::mutants {
namespace {

/// epsilon_s = rho g_s / ||g_s|| for each segment s.
StepReport norm_per_tensor(const Step& step) {
  auto [report, ascent] = look_around(step);
  Tensor x = step.g.clone();
  for (const nn::Segment& segment : step.arena().segments()) {
    Tensor part = step.arena().part(x, segment);
    optim::normalise(part);
  }
  Excursion away(step.objective, optim::displace(step.arena(), x, step.rho));
  report.perturbed_loss = away.gradient(step.batch, step.g);
  return report;
}

StepReport missing_restore(const Step& step) {
  auto [report, ascent] = look_around(step);
  {
    Excursion away(step.objective, ascent);
    report.perturbed_loss = away.gradient(step.batch, step.g);
  }
  nn::ParameterArena& arena = step.objective.arena();
  arena.home().copy_from(arena.twin());
  return report;
}

/// w += epsilon, look, w -= epsilon: rounding stays behind, and all of epsilon when a pass throws.
StepReport subtract_instead_of_switch(const Step& step) {
  auto [report, ascent] = look_around(step);
  const Tensor epsilon = step.g.clone();
  Tensor& w = step.objective.arena().home();
  optim::add(ascent.scale, epsilon, w);
  report.perturbed_loss = step.objective.gradient(step.batch, step.g);
  optim::add(optim::affine(ascent.scale, -1.0), epsilon, w);
  return report;
}

/// The direction of the step before.
WrongGradient stale_perturbation(const Settings&) {
  return [last = Tensor()](const Step& step) mutable {
    auto [report, ascent] = look_around(step);
    const Tensor now = step.g.clone();
    if (last.defined()) ascent = optim::ascend(step.arena(), last, step.rho);
    Excursion away(step.objective, ascent);
    report.perturbed_loss = away.gradient(step.batch, step.g);
    last = now;
    return report;
  };
}

StepReport statistics_twice(const Step& step) {
  auto [report, ascent] = look_around(step);
  Excursion away(step.objective, ascent);
  report.perturbed_loss = away.gradient(step.batch, step.g, 1.0, {.statistics_momentum = 0.1});
  return report;
}

StepReport steps_down(const Step& step) {
  auto [report, ascent] = look_around(step);
  Excursion away(step.objective, optim::opposite(ascent));
  report.perturbed_loss = away.gradient(step.batch, step.g);
  return report;
}

/// G = g + g_p: the second pass adds to the first.
StepReport gradient_not_zeroed(const Step& step) {
  auto [report, ascent] = look_around(step);
  ascent.direction = step.g.clone();
  Excursion away(step.objective, ascent);
  report.perturbed_loss = away.gradient(step.batch, step.g, 1.0, {.accumulate = true});
  return report;
}

StepReport other_rows(const Step& step) {
  auto [report, ascent] = look_around(step);
  Excursion away(step.objective, ascent);
  report.perturbed_loss = away.gradient(step.objective.fresh_training_batch(), step.g);
  return report;
}

/// rho g / ||g|| without a stabiliser: 0 / 0 where the gradient is zero.
StepReport no_stabiliser(const Step& step) {
  auto [report, ascent] = look_around(step);
  ascent.scale = optim::quotient(step.rho, optim::norm(step.g));
  Excursion away(step.objective, ascent);
  report.perturbed_loss = away.gradient(step.batch, step.g);
  return report;
}

/// Only normalisation layers are perturbed, and only they learn.
StepReport others_stand_still(const Step& step) {
  using nn::SegmentKind;
  auto [report, ascent] = look_around(step);
  const auto keep = {SegmentKind::norm_scale, SegmentKind::norm_shift};
  optim::keep_only(step.arena(), keep, step.g);
  Excursion away(step.objective, optim::ascend(step.arena(), step.g, step.rho));
  report.perturbed_loss = away.gradient(step.batch, step.g);
  optim::keep_only(step.arena(), keep, step.g);
  return report;
}

StepReport along_momentum(const Step& step) {
  StepReport report{.radius = step.rho, .perturbed = true};
  Excursion away(step.objective, optim::ascend(step.arena(), step.base.momentum(), step.rho));
  report.perturbed_loss = away.gradient(step.batch, step.g);
  return report;
}

}  // namespace

std::vector<Mutant> perturbation() {
  const std::string family = "perturbation";
  const std::vector<std::string> wrong_point = {"reference", "closed_form"};
  return {
      {family, "norm_per_tensor", "each tensor is normalised by itself",
       with_gradient("sam", norm_per_tensor), wrong_point},
      {family,
       "missing_restore",
       "w stays at w + epsilon",
       with_gradient("sam", missing_restore),
       {"home", "reference"}},
      {family,
       "subtract_instead_of_switch",
       "epsilon is added to w and subtracted again",
       with_gradient("sam", subtract_instead_of_switch),
       {"home", "exception"}},
      {family, "stale_perturbation", "epsilon is that of the step before",
       with_gradient("sam", stale_perturbation), wrong_point},
      {family,
       "statistics_twice",
       "running statistics move in the second pass too",
       with_gradient("sam", statistics_twice),
       {"statistics"}},
      {family, "steps_down", "epsilon has the wrong sign", with_gradient("sam", steps_down),
       wrong_point},
      {family, "gradient_not_zeroed", "the second gradient is added to the first",
       with_gradient("sam", gradient_not_zeroed), wrong_point},
      {family,
       "other_rows",
       "the second look is at other rows",
       with_gradient("sam", other_rows),
       {"reference"}},
      {family,
       "no_stabiliser",
       "the norm divides as it is",
       with_gradient("sam", no_stabiliser),
       {"zero"}},
      {family,
       "asam_all_segments",
       "biases too are measured in units of themselves",
       with_settings("asam", [](Settings& settings) { settings.set("scope", "all"); }),
       {"reference"}},
      {family, "asam_without_xi", "T = |w|", with_number("asam", "xi", [](double) { return 0.0; }),
       wrong_point},
      {family, "fisher_euclid", "divided by ||f g|| instead of sqrt(<g, f g>)",
       with_settings("fisher_sam", [](Settings& settings) { settings.set("length", "euclid"); }),
       wrong_point},
      {family,
       "others_stand_still",
       "what is not perturbed is not updated",
       with_gradient("sam_on", others_stand_still),
       {"radius_zero"}},
      {family,
       "mask_the_wrong_way",
       "the weights outside the mask are perturbed",
       with_number("sparse_sam_dynamic", "sparsity", [](double s) { return 1.0 - s; }),
       {"identity"}},
      {family,
       "along_momentum",
       "behind instead of ahead on the path",
       with_gradient("momentum_sam", along_momentum),
       {"reference"}},
  };
}

}  // namespace polder::mutants
