#pragma once

#include <functional>
#include <string>
#include <vector>

#include "polder/optim/registry.h"

namespace polder::verify {

/// What is checked: a rule, on a device.
struct Subject {
  const optim::RuleEntry& entry;
  const optim::RuleRegistry& rules;  // where the rules are found that it should equal
  Device device = kCpu;
  int steps = 50;  // of checks that compare whole trainings with the reference
};

/// What a check saw.
struct Outcome {
  enum class State { green, red, not_applicable };
  State state = State::green;
  double error = 0.0;  // as measured; 0: equal bit for bit, or nothing to measure
  double limit = 0.0;  // green up to here
  std::string note{};  // what was found and what was wanted, or why it does not apply

  bool green() const { return state == State::green; }
  bool red() const { return state == State::red; }
};

/// Green when error <= limit; a NaN is red. The note tells what was measured.
Outcome measured(double error, double limit, std::string note);
/// Green when there is nothing to complain about, else red with the complaint.
Outcome complaint(std::string note);
Outcome not_applicable(std::string why);

/// One property that every rule must have. `run` may throw: that is red.
struct Check {
  std::string name;
  std::string explanation;  // what green means, in a line
  std::function<Outcome(const Subject&)> run;
};

/// Every check, in the order of docs/how-to/verify.md.
const std::vector<Check>& checks();
/// Throws Error naming the nearest known check.
const Check& find_check(const std::string& name);
/// Runs a check, on one thread where it does not choose itself; whatever it throws makes it red,
/// with the sentence as the note.
Outcome run(const Check& check, const Subject& subject);

}  // namespace polder::verify
