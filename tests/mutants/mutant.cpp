#include "mutants/mutant.h"

#include <fmt/format.h>

#include "polder/lets/lets.h"

namespace polder::mutants {
namespace {

class WrongRule final : public optim::RadiusRule {
 public:
  WrongRule(double rho, Device device, WrongGradient gradient)
      : RadiusRule(rho, device), gradient_(std::move(gradient)) {}
  void prepare(Objective&, const optim::BaseOptimizer& base) override { base_ = &base; }
  StepReport gradient(Objective& objective, const Batch& batch, Tensor& g) override {
    return gradient_({objective, batch, g, radius(), *base_});
  }

 private:
  WrongGradient gradient_;
  const optim::BaseOptimizer* base_ = nullptr;
};

/// Another rule, without its memory in checkpoints.
class Forgetful final : public Wrapped {
 public:
  using Wrapped::Wrapped;
  void visit_state(StateVisitor&) override {}
};

}  // namespace

const optim::RuleRegistry& true_rules() {
  static const optim::RuleRegistry rules = [] {
    optim::RuleRegistry registry = optim::built_in_rules();
    lets::add_rules(registry);
    return registry;
  }();
  return rules;
}

RuleEntry with_gradient(const std::string& rule,
                        const std::function<WrongGradient(const Settings&)>& make) {
  RuleEntry entry = true_rules().find(rule);
  entry.make = [make](const Settings& settings, nn::ParameterArena& arena) {
    return std::make_unique<WrongRule>(settings.number("rho"), arena.device(), make(settings));
  };
  return entry;
}

RuleEntry with_gradient(const std::string& rule, const WrongGradient& gradient) {
  return with_gradient(rule, [gradient](const Settings&) { return gradient; });
}

RuleEntry with_settings(const std::string& rule, const std::function<void(Settings&)>& change) {
  RuleEntry entry = true_rules().find(rule);
  entry.make = [make = entry.make, change](Settings settings, nn::ParameterArena& arena) {
    change(settings);
    return make(settings, arena);
  };
  return entry;
}

RuleEntry with_number(const std::string& rule, const std::string& name,
                      const std::function<double(double)>& f) {
  return with_settings(rule, [name, f](Settings& settings) {
    settings.set(name, fmt::format("{}", f(settings.number(name))));
  });
}

RuleEntry with_swapped(const std::string& rule, const std::string& a, const std::string& b) {
  return with_settings(rule, [a, b](Settings& settings) {
    const std::string first = settings.text(a);
    settings.set(a, settings.text(b));
    settings.set(b, first);
  });
}

RuleEntry forgetful(const std::string& rule) { return wrapped_in<Forgetful>(rule); }

std::pair<StepReport, Ascent> look_around(const Step& step) {
  StepReport report{.radius = step.rho, .perturbed = true};
  report.loss = step.objective.gradient(step.batch, step.g);
  Ascent ascent = optim::ascend(step.arena(), step.g, step.rho);
  report.gradient_norm = ascent.norm;
  return {std::move(report), std::move(ascent)};
}

}  // namespace polder::mutants
