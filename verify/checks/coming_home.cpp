#include "polder/verify/checks/checks.h"

namespace polder::verify {
namespace {

using optim::BaseOptimizer;
using optim::DrivingRule;

/// Stands still and counts bytes of the weights that it does not meet as they were.
class Still : public BaseOptimizer {
 public:
  explicit Still(nn::ParameterArena& arena)
      : BaseOptimizer(arena), momentum_(arena.make_flat()), before_(bits_of(arena.home())) {}
  void step(const Tensor& g) override {
    advance(g);
    moved += differing(bits_of(arena().home()), before_);
  }
  void apply_derivative(const Tensor&, Tensor&) const override {}
  const Tensor& momentum() const override { return momentum_; }
  double moved = 0.0;

 private:
  Tensor momentum_;
  std::vector<std::byte> before_;
};

/// Empty when layers read home, and home holds these bytes.
std::string away_from(const nn::ParameterArena& arena, const std::vector<std::byte>& before) {
  if (!arena.at_home()) return "the weights stayed away";
  for (const nn::Segment& segment : arena.segments())
    if (!segment.variable.value().shares_memory_with(arena.home()))
      return fmt::format("{} is read from elsewhere", segment.name);
  const double bytes = differing(bits_of(arena.home()), before);
  return bytes == 0.0 ? "" : fmt::format("{} bytes of the weights are others", bytes);
}

/// The weights after so many steps and one more, none of them disturbed.
std::vector<std::byte> undisturbed(const Subject& subject, int steps) {
  Training training = train(subject, {.width = 5});
  training.run_steps(steps + 1);
  return training.weight_bits();
}

/// Makes pass `pass` of the next step fail; says what was wrong, or "" with `passes_left` false
/// when the step has no such pass.
std::string after_failing_pass(const Subject& subject, int steps, int pass, bool& passes_left) {
  Training training = train(subject, {.width = 5});
  training.run_steps(steps);
  const auto before = training.weight_bits();
  const std::int64_t steps_before = training.base->steps();
  training.problem.objective.diary.clear();
  training.problem.objective.fail_at = pass;
  std::string wrong;
  passes_left = false;
  try {
    training.run_step();
  } catch (const PassFailed&) {
    passes_left = true;
    wrong = away_from(training.problem.arena, before);
    // Passes after the update (lets' upper ones) find w where the whole step leads.
    if (!wrong.empty() && training.base->steps() > steps_before)
      wrong = away_from(training.problem.arena, undisturbed(subject, steps));
  }
  training.problem.objective.fail_at = -1;
  if (!wrong.empty()) return wrong;
  try {
    training.run_step();
  } catch (const std::exception& error) {
    return fmt::format("the next step threw: {}", error.what());
  }
  return "";
}

}  // namespace

Outcome comes_home(const Subject& subject) {
  NetProblem problem({.device = subject.device});
  const auto rule =
      subject.entry.make(complete(subject.entry, trial_of(subject.entry)), problem.arena);
  if (dynamic_cast<DrivingRule*>(rule.get()) != nullptr)
    return not_applicable("it drives the base optimizer, and w with it");
  Still still(problem.arena);
  optim::TrainingStep step(problem.objective, *rule, still);
  const auto before = bits_of(problem.arena.home());
  for (std::int64_t t = 0; t < 8; ++t) {
    step.run(problem.batch(t), t);
    const std::string wrong = away_from(problem.arena, before);
    if (!wrong.empty()) return complaint(fmt::format("after step {}: {}", t, wrong));
  }
  return measured(still.moved, 0.0, "bytes of w that the base optimizer met changed");
}

Outcome survives_exceptions(const Subject& subject) {
  for (const int steps : {0, 1, 7}) {
    int pass = 0;
    for (bool passes_left = true; passes_left && pass < 100; ++pass) {
      const std::string wrong = after_failing_pass(subject, steps, pass, passes_left);
      if (!wrong.empty())
        return complaint(fmt::format("pass {} of step {} threw, and {}", pass, steps, wrong));
    }
    if (pass < 2) return complaint(fmt::format("step {} made no pass", steps));
    if (pass == 100) return complaint(fmt::format("step {} makes more than 99 passes", steps));
  }
  return measured(0.0, 0.0, "bytes of w changed by a step that threw");
}

}  // namespace polder::verify
