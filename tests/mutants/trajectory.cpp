#include "mutants/mutant.h"

namespace polder::mutants {

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
  };
}

}  // namespace polder::mutants
