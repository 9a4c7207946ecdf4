#include "mutants/mutant.h"

namespace polder::mutants {
namespace {

/// look_sam with another memory and another way to use it.
struct Reuse {
  std::function<void(const Tensor& clean, Tensor& v)> keep;  // v holds g_p
  std::function<void(double alpha, const Tensor& v, Tensor& g)> add;
};

void keep_across(const Tensor& clean, Tensor& v) {
  optim::remove_projection(clean, v);
  optim::normalise(v);
}

void keep_along(const Tensor& clean, Tensor& v) {
  const Tensor length = optim::projection(v, clean);
  v.copy_from(clean);
  optim::scale_by(length, v);
  optim::normalise(v);
}

void add_in_units_of_g(double alpha, const Tensor& v, Tensor& g) {
  optim::add(optim::affine(optim::norm(g), alpha), v, g);
}

RuleEntry look_sam_with(const Reuse& reuse) {
  return with_gradient("look_sam", [reuse](const Settings& settings) -> WrongGradient {
    return [reuse, k = settings.integer("k"), alpha = settings.number("alpha"),
            v = Tensor()](const Step& step) mutable {
      auto [report, ascent] = look_around(step);
      if (step.objective.step() % k != 0) {
        reuse.add(alpha, v, step.g);
        report.perturbed = false;
        return report;
      }
      const Tensor clean = step.g.clone();
      ascent.direction = clean;
      Excursion away(step.objective, ascent);
      report.perturbed_loss = away.gradient(step.batch, step.g);
      v = step.g.clone();
      reuse.keep(clean, v);
      return report;
    };
  });
}

/// Asks the host whether to look.
StepReport reads_its_decision(const Step& step) {
  auto [report, ascent] = look_around(step);
  if (ascent.squared_norm.item() == 0.0) return report;
  Excursion away(step.objective, ascent);
  report.perturbed_loss = away.gradient(step.batch, step.g);
  return report;
}

/// Tosses a coin of the process: no run is like another.
StepReport coin_without_a_key(const Step& step) {
  static int tosses = 0;
  auto [report, ascent] = look_around(step);
  report.perturbed = ++tosses % 5 == 0;
  if (!report.perturbed) return report;
  Excursion away(step.objective, ascent);
  report.perturbed_loss = away.gradient(step.batch, step.g);
  return report;
}

double complement(double x) { return 1.0 - x; }

}  // namespace

std::vector<Mutant> skipping() {
  const std::string family = "skipping";
  const std::vector<std::string> wrong_gradient = {"reference", "closed_form"};
  return {
      {family,
       "refreshes_late",
       "look_sam keeps its direction a step too long",
       with_number("look_sam", "k", [](double k) { return k + 1; }),
       {"reference"}},
      {family, "keeps_what_is_along", "look_sam keeps the part of g_p along g",
       look_sam_with({keep_along, add_in_units_of_g}), wrong_gradient},
      {family, "reuse_without_units", "look_sam adds alpha v instead of alpha ||g|| v",
       look_sam_with({keep_across,
                      [](double alpha, const Tensor& v, Tensor& g) { optim::add(alpha, v, g); }}),
       wrong_gradient},
      {family, "keeps_a_shared_buffer", "look_sam's direction is the memory of g",
       look_sam_with({[](const Tensor&, Tensor&) {}, add_in_units_of_g}), wrong_gradient},
      {family,
       "look_direction_not_saved",
       "a checkpoint lacks look_sam's direction",
       forgetful("look_sam"),
       {"resume"}},
      {family,
       "threshold_runs_backwards",
       "ae_sam's lambdas are swapped",
       with_swapped("ae_sam", "lambda1", "lambda2"),
       {"reference"}},
      {family,
       "never_skips",
       "ae_sam looks at every step",
       with_settings("ae_sam", [](Settings& settings) { settings.set("force", "always"); }),
       {"identity", "reference"}},
      {family,
       "reads_its_decision",
       "ae_sam asks the host whether to look",
       with_gradient("ae_sam", reads_its_decision),
       {"steady"}},
      {family,
       "trend_not_saved",
       "a checkpoint lacks ae_sam's history",
       forgetful("ae_sam"),
       {"resume"}},
      {family,
       "history_forgets_too_fast",
       "ae_look_sam's delta is the share of the new",
       with_number("ae_look_sam", "delta", complement),
       {"reference"}},
      {family,
       "never_too_old",
       "ae_look_sam reuses its direction without bound",
       with_number("ae_look_sam", "max_age", [](double) { return 0.0; }),
       {"reference"}},
      {family,
       "coin_of_the_other_side",
       "random_sam looks where it should not",
       with_number("random_sam", "p", complement),
       {"reference", "identity"}},
      {family,
       "coin_without_a_key",
       "random_sam's coin is no function of seed and step",
       with_gradient("random_sam", coin_without_a_key),
       {"seed"}},
      {family, "look_sam_as_it_should_be", "it keeps what is across, and adds it in units of g",
       look_sam_with({keep_across, add_in_units_of_g}), wrong_gradient, true},
  };
}

}  // namespace polder::mutants
