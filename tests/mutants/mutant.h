#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "polder/optim/base_optimizer.h"
#include "polder/optim/flat.h"
#include "polder/optim/registry.h"
#include "polder/optim/scalars.h"

/// Wrong rules, one mistake each. What the checks of verify/ are worth is what they make of these.
namespace polder::mutants {

using optim::Ascent;
using optim::Excursion;
using optim::Objective;
using optim::RuleEntry;
using optim::Settings;
using optim::StepReport;

/// A rule of the registry with a mistake in it: same name, same entry, another `make`.
struct Mutant {
  std::string family;
  std::string name;   // what is wrong, in a word or two
  std::string wrong;  // and in a sentence
  RuleEntry entry;
  std::vector<std::string> checks;  // each of them must be red
  bool control = false;             // the same code without its mistake: must be green
};

/// How googletest names one.
inline void PrintTo(const Mutant& mutant, std::ostream* out) { *out << mutant.name; }

// One file a family.
std::vector<Mutant> perturbation();    // where it looks
std::vector<Mutant> decomposition();   // what it makes of two gradients, which direction it takes
std::vector<Mutant> skipping();        // when it looks
std::vector<Mutant> several_points();  // several looks
std::vector<Mutant> trajectory();      // memory of outputs and weights
std::vector<Mutant> subset();          // which samples it looks at
std::vector<Mutant> learned_radius();  // lets
std::vector<Mutant> habits();          // what any rule may get wrong

/// The rules of the library, lets included.
const optim::RuleRegistry& true_rules();

/// What a wrong gradient works with.
struct Step {
  Objective& objective;
  const Batch& batch;
  Tensor& g;
  const Tensor& rho;
  const optim::BaseOptimizer& base;

  const nn::ParameterArena& arena() const { return objective.arena(); }
};
/// Writes G into step.g; whatever else it remembers is its own.
using WrongGradient = std::function<StepReport(const Step& step)>;

/// The entry of a rule whose gradient is this one; its radius is the setting rho. `make` is called
/// once for each rule that is made.
RuleEntry with_gradient(const std::string& rule,
                        const std::function<WrongGradient(const Settings& settings)>& make);
/// The same for a gradient without memory and settings.
RuleEntry with_gradient(const std::string& rule, const WrongGradient& gradient);

/// The entry of a rule that is made with other settings than it was given.
RuleEntry with_settings(const std::string& rule, const std::function<void(Settings&)>& change);
/// Setting `name` is f of what it was given.
RuleEntry with_number(const std::string& rule, const std::string& name,
                      const std::function<double(double)>& f);
/// Two settings in each other's place.
RuleEntry with_swapped(const std::string& rule, const std::string& a, const std::string& b);
/// A rule as it is; what derives from it gets one thing wrong.
class Wrapped : public optim::Rule {
 public:
  explicit Wrapped(std::unique_ptr<Rule> rule) : rule_(std::move(rule)) {}
  void prepare(Objective& objective, const optim::BaseOptimizer& base) override {
    rule_->prepare(objective, base);
  }
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override {
    return rule_->gradient(objective, batch, g);
  }
  void after_update(Objective& objective, const Batch& batch, const optim::BaseOptimizer& base,
                    const Tensor& g, const optim::Clipping& clipping) override {
    rule_->after_update(objective, batch, base, g, clipping);
  }
  StepReport step(Objective& objective, const Batch& batch, optim::BaseOptimizer& base, double clip,
                  Tensor& g) override {
    return rule_->step(objective, batch, base, clip, g);
  }
  optim::Snapshot* averaged(Objective& objective) override { return rule_->averaged(objective); }
  std::optional<std::int64_t> phase(std::int64_t step) const override { return rule_->phase(step); }
  void visit_state(StateVisitor& visitor) override { rule_->visit_state(visitor); }

 private:
  std::unique_ptr<Rule> rule_;
};

/// The entry of a rule that is made inside an R, which is a Wrapped.
template <class R>
RuleEntry wrapped_in(const std::string& rule) {
  RuleEntry entry = true_rules().find(rule);
  entry.make = [make = entry.make](const Settings& settings, nn::ParameterArena& arena) {
    return std::make_unique<R>(make(settings, arena));
  };
  return entry;
}
/// The rule, but a checkpoint does not hold what it remembers.
RuleEntry forgetful(const std::string& rule);

/// Loss, gradient at w into step.g, ascent from it.
std::pair<StepReport, Ascent> look_around(const Step& step);

}  // namespace polder::mutants
