#include "mutants/mutant.h"
#include "polder/optim/snapshot.h"

namespace polder::mutants {
namespace {

/// The weights that it would show are the last ones.
class ShowsTheLastWeights final : public Wrapped {
 public:
  using Wrapped::Wrapped;
  optim::Snapshot* averaged(Objective& objective) override {
    optim::Snapshot* average = Wrapped::averaged(objective);
    if (average != nullptr) average->weights.copy_from(objective.arena().home());
    return average;
  }
};

}  // namespace

std::vector<Mutant> trajectory() {
  const std::string family = "trajectory";
  const auto one_more = [](double x) { return x + 1.0; };
  return {
      {family,
       "saf_compares_with_another_epoch",
       "outputs are those of one epoch later",
       with_number("saf", "slots", [](double x) { return x - 1.0; }),
       {"reference"}},
      {family,
       "saf_starts_late",
       "the term starts an epoch late",
       with_number("saf", "start_epoch", one_more),
       {"reference"}},
      {family,
       "saf_term_unscaled",
       "the term lacks the square of its temperature",
       with_settings("saf",
                     [](Settings& settings) {
                       const double tau = settings.number("tau");
                       settings.set("lambda",
                                    std::to_string(settings.number("lambda") / (tau * tau)));
                     }),
       {"reference"}},
      {family,
       "saf_outputs_not_saved",
       "a checkpoint lacks the outputs of earlier epochs",
       forgetful("saf"),
       {"resume"}},
      {family,
       "mesa_average_the_wrong_way",
       "beta is the share of the new weights",
       with_number("mesa", "beta", [](double beta) { return 1.0 - beta; }),
       {"reference"}},
      {family,
       "mesa_starts_late",
       "the term starts an epoch late",
       with_number("mesa", "start_epoch", one_more),
       {"reference"}},
      {family,
       "mesa_average_not_saved",
       "a checkpoint lacks the averaged weights",
       forgetful("mesa"),
       {"resume"}},
      {family,
       "wasam_shows_the_last_weights",
       "what is evaluated is no average",
       wrapped_in<ShowsTheLastWeights>("wasam"),
       {"reference"}},
      {family,
       "wasam_starts_early",
       "the average has epochs from before the start",
       with_number("wasam", "start", [](double) { return 0.0; }),
       {"reference"}},
      {family,
       "wasam_average_not_saved",
       "a checkpoint lacks the averaged weights",
       forgetful("wasam"),
       {"resume"}},
  };
}

}  // namespace polder::mutants
