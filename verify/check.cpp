#include "polder/verify/check.h"

#include <fmt/format.h>

#include "polder/core/text.h"
#include "polder/verify/checks/checks.h"

namespace polder::verify {
namespace {

/// A team of threads costs more than the small nets are worth.
class OneThread {
 public:
  OneThread() { kernels::set_thread_count(1); }
  ~OneThread() { kernels::set_thread_count(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_ = kernels::thread_count();
};

}  // namespace

Outcome measured(double error, double limit, std::string note) {
  using State = Outcome::State;
  return {error <= limit ? State::green : State::red, error, limit, std::move(note)};
}

Outcome complaint(std::string note) {
  using State = Outcome::State;
  return {note.empty() ? State::green : State::red, note.empty() ? 0.0 : 1.0, 0.0, std::move(note)};
}

Outcome not_applicable(std::string why) {
  return {Outcome::State::not_applicable, 0.0, 0.0, std::move(why)};
}

const std::vector<Check>& checks() {
  static const std::vector<Check> all = {
      {"home", "after each step w is what it was, bit for bit, when the base optimizer meets it",
       comes_home},
      {"exception", "whichever pass throws, w is what it was bit for bit, and training goes on",
       survives_exceptions},
      {"cost", "gradients, forwards and Hessian products are as many as published",
       costs_what_is_published},
      {"statistics", "running statistics of batch norm move once a step", moves_statistics_once},
      {"overwrite", "what was in G before does not matter, and padding stays zero",
       overwrites_gradient},
      {"chunks", "a batch in micro-batches gives the gradient of the whole", adds_up_micro_batches},
      {"zero", "where all gradients are zero everything stays finite", survives_zero_gradients},
      {"missing", "weights that only every second pass uses do no harm",
       survives_missing_gradients},
      {"seed", "same seed, same bits, for any number of threads; another seed, others",
       repeats_itself},
      {"resume", "a run resumed from a checkpoint has the bits of one never stopped", resumes},
      {"steady", "a step asks the system for no memory and reads nothing back", asks_for_nothing},
      {"buffers", "it holds as many buffers of d numbers as published", holds_what_is_published},
      {"identity", "under the settings its entry names it is another rule", has_its_identities},
      {"radius_zero", "with radius 0 it is the base optimizer", is_the_base_at_radius_zero},
      {"works", "under its trial settings it is not the base optimizer", differs_from_none},
      {"reference", "it agrees with the float64 reference written from its paper",
       agrees_with_its_reference},
      {"closed_form", "on quadratics G is the closed form of its page", has_its_closed_form},
      {"radius", "the radius matters, may be one for each segment, is checked and remembered",
       keeps_its_radius},
      {"slope", "dG/drho by its looks is a central difference of G", has_its_slope},
      {"adjoint", "its map A and A^T are adjoint", has_its_adjoint},
      {"hypergradient", "a learned radius moves along a central difference of the upper objective",
       descends_its_hypergradient},
      {"learns", "by default settings it learns a simple problem", learns},
      {"described", "summary, paper, cost and help are there", is_described},
      {"as_cpu", "training ends where it ends on the cpu", ends_as_on_the_cpu},
      {"recorded", "recorded steps have the bits of steps made kernel by kernel", can_be_recorded}};
  return all;
}

const Check& find_check(const std::string& name) {
  std::vector<std::string> names;
  for (const Check& check : checks()) {
    if (check.name == name) return check;
    names.push_back(check.name);
  }
  fail("check '{}' is unknown, did you mean '{}'? (known: {})", name, nearest_name(name, names),
       join(names));
}

Outcome run(const Check& check, const Subject& subject) {
  const OneThread guard;
  try {
    return check.run(subject);
  } catch (const std::exception& error) {
    return complaint(fmt::format("it threw: {}", error.what()));
  }
}

}  // namespace polder::verify
