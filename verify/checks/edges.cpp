#include "polder/verify/checks/checks.h"

namespace polder::verify {
namespace {

/// Eight steps; the first complaint, or "".
std::string eight_steps(Training& training) {
  for (int step = 0; step < 8; ++step) {
    std::string wrong = not_finite(training.run_step(), training, step);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace

Outcome survives_zero_gradients(const Subject& subject) {
  Training training = train(subject, {.loss_factor = 0.0});
  return complaint(eight_steps(training));
}

Outcome survives_missing_gradients(const Subject& subject) {
  for (const int which : {1, 2}) {
    Training training = train(subject, {.second_head = which});
    std::string wrong = eight_steps(training);
    if (wrong.empty() && !training.problem.arena.at_home()) wrong = "the weights stayed away";
    if (!wrong.empty())
      return complaint(
          fmt::format("a head that only {} passes use: {}", which == 1 ? "odd" : "even", wrong));
  }
  return complaint("");
}

}  // namespace polder::verify
