#include "mutants/mutant.h"
#include "polder/optim/rows.h"

namespace polder::mutants {
namespace {

using optim::gather;

double complement(double x) { return 1.0 - x; }

/// k_sam on the rows of smallest loss.
WrongGradient easiest_rows(const Settings& settings) {
  return [fraction = settings.number("fraction")](const Step& step) {
    const std::int64_t k = optim::share_of_rows(fraction, step.batch.size());
    const Tensor losses = step.objective.losses(step.batch);
    Tensor negative = losses.clone();
    kernels::backend_of(negative).affine(losses, -1.0, 0.0, negative);
    const Batch rows = gather(step.batch, optim::largest(negative, k));
    StepReport report{.radius = step.rho, .perturbed = true};
    report.loss = step.objective.gradient(rows, step.g);
    Excursion away(step.objective, optim::ascend(step.arena(), step.g, step.rho));
    report.perturbed_loss = away.gradient(rows, step.g);
    return report;
  };
}

/// The ascent is on the chosen rows, G on all of them.
WrongGradient whole_batch_second(const Settings& settings) {
  return [fraction = settings.number("fraction")](const Step& step) {
    const std::int64_t k = optim::share_of_rows(fraction, step.batch.size());
    const Tensor losses = step.objective.losses(step.batch);
    const Batch rows = gather(step.batch, optim::largest(losses, k));
    StepReport report{.radius = step.rho, .perturbed = true};
    report.loss = step.objective.gradient(rows, step.g);
    Excursion away(step.objective, optim::ascend(step.arena(), step.g, step.rho));
    report.perturbed_loss = away.gradient(step.batch, step.g);
    return report;
  };
}

/// esam with beta = 1 that keeps the rows of largest loss at w + epsilon, not of largest rise.
WrongGradient largest_instead_of_rising(const Settings& settings) {
  return [gamma = settings.number("gamma")](const Step& step) {
    auto [report, ascent] = look_around(step);
    Excursion away(step.objective, ascent);
    const Tensor after = step.objective.losses(step.batch);
    report.perturbed_loss = optim::mean(after);
    const std::int64_t kept = optim::share_of_rows(gamma, step.batch.size());
    away.gradient(gather(step.batch, optim::largest(after, kept)), step.g);
    return report;
  };
}

}  // namespace

std::vector<Mutant> subset() {
  const std::string family = "subset";
  return {
      {family,
       "easiest_rows",
       "k_sam takes the rows of smallest loss",
       with_gradient("k_sam", easiest_rows),
       {"reference", "closed_form"}},
      {family,
       "whole_batch_second",
       "k_sam's second gradient is on the whole batch",
       with_gradient("k_sam", whole_batch_second),
       {"reference", "closed_form", "cost"}},
      {family,
       "wrong_share",
       "k_sam keeps the share that it should drop",
       with_number("k_sam", "fraction", [](double x) { return x == 1.0 ? 1.0 : 1.2 - x; }),
       {"reference", "closed_form", "cost"}},
      {family,
       "largest_instead_of_rising",
       "esam takes the rows of largest loss, not rise",
       with_gradient("esam", largest_instead_of_rising),
       {"closed_form"}},
      {family,
       "esam_radius_not_stretched",
       "esam does not divide by beta",
       with_settings("esam",
                     [](Settings& settings) {
                       settings.set(
                           "rho", std::to_string(settings.number("rho") * settings.number("beta")));
                     }),
       {"reference"}},
      {family,
       "esam_masks_by_weight",
       "esam draws a coin for each weight, not segment",
       with_settings("esam", [](Settings& settings) { settings.set("mask", "coordinate"); }),
       {"reference", "buffers"}},
      {family,
       "esam_mask_the_wrong_way",
       "esam's beta is the share that stays",
       with_number("esam", "beta", [](double x) { return x == 1.0 ? 1.0 : complement(x); }),
       {"reference"}},
      {family,
       "au_sam_other_share",
       "au_sam keeps more rows than it should",
       with_number("au_sam", "fraction", [](double x) { return 0.5 + x / 2; }),
       {"reference", "cost"}},
      {family,
       "au_sam_scores_not_saved",
       "a checkpoint lacks what au_sam knows of each sample",
       forgetful("au_sam"),
       {"resume"}},
      {family,
       "delta_sam_all_alike",
       "no sample weighs more in delta_sam's ascent",
       with_settings("delta_sam", [](Settings& settings) { settings.set("score", "uniform"); }),
       {"reference", "cost"}},
      {family,
       "delta_sam_weighs_twice",
       "delta_sam weighs the samples of its second gradient too",
       with_settings("delta_sam", [](Settings& settings) { settings.set("reweight", "both"); }),
       {"reference"}},
      {family,
       "delta_sam_not_capped",
       "one sample may have all of delta_sam's weight",
       with_number("delta_sam", "omega_max", [](double x) { return 1000.0 * x; }),
       {"reference"}},
  };
}

}  // namespace polder::mutants
