#include "polder/optim/registry.h"
#include "polder/optim/rules/asam.h"
#include "polder/optim/rules/m_sharp_sam.h"
#include "polder/optim/rules/none.h"
#include "polder/optim/rules/sam.h"

namespace polder::optim {

RuleRegistry built_in_rules() {
  using nn::ParameterArena;
  RuleRegistry rules;
  rules.add({.name = "none",
             .summary = "no perturbation: the base optimizer alone",
             .make = [](const Settings&, ParameterArena&) { return std::make_unique<None>(); }});
  rules.add({.name = "sam",
             .summary = "the gradient at the worst point of a ball, found by one ascent",
             .paper = "Foret, Kleiner, Mobahi, Neyshabur, ICLR 2021, arXiv 2010.01412",
             .parameters = {{"rho", "0.05", "radius of the ball"}},
             .make = [](const Settings& settings, ParameterArena& arena) {
               return std::make_unique<Sam>(settings.number("rho"), arena.device());
             }});
  rules.add({.name = "asam",
             .summary = "sam with a ball measured in units of the weights",
             .paper = "Kwon, Kim, Park, Choi, ICML 2021, arXiv 2102.11600",
             .parameters = {{"rho", "0.5", "radius of the ball, in units of the weights"},
                            {"xi", "0.01", "added to |w|, so that zero weights move too"},
                            {"scope", "weights", "weights, or all: biases and shifts scale too"}},
             .make = [](const Settings& settings, ParameterArena& arena) {
               return std::make_unique<Asam>(settings.number("rho"), settings.number("xi"),
                                             parse_scope(settings.text("scope")), arena.device());
             }});
  rules.add({.name = "m_sharp_sam",
             .summary = "one ascent for each of m shards of the batch, then the mean",
             .paper = "Behdin et al., 2022, arXiv 2212.04343",
             .parameters = {{"m", "4", "number of shards"}, {"rho", "0.05", "radius of each ball"}},
             .make = [](const Settings& settings, ParameterArena& arena) {
               return std::make_unique<MSharpSam>(settings.integer("m"), settings.number("rho"),
                                                  arena.device());
             }});
  return rules;
}

}  // namespace polder::optim
