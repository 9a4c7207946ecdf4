#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "polder/doctor/examine.h"
#include "polder/lets/lets.h"
#include "polder/optim/rules/wasam.h"
#include "polder/verify/training.h"

namespace polder::doctor {

using verify::bits_of;
using verify::NetOptions;
using SettingsMap = std::map<std::string, std::string>;

inline const optim::RuleRegistry& all_rules() {
  static const optim::RuleRegistry rules = [] {
    optim::RuleRegistry all = optim::built_in_rules();
    lets::add_rules(all);
    optim::add_wasam(all);
    return all;
  }();
  return rules;
}

/// A training on the small net, with SGD, that can be examined and stepped.
struct Patient {
  explicit Patient(std::unique_ptr<optim::Rule> a_rule, const NetOptions& net = {},
                   double clip = 0.0)
      : Patient(net, clip, [&a_rule](nn::ParameterArena&) { return std::move(a_rule); }) {}
  Patient(const std::string& name, const SettingsMap& settings, const NetOptions& net = {})
      : Patient(net, 0.0, [&](nn::ParameterArena& arena) {
          return all_rules().make(name, optim::Settings(settings), arena);
        }) {
    options.reach = all_rules().find(name).reach;
  }

  Diagnosis examine() {
    const auto batch_of = [this](std::int64_t t) { return problem.batch(t, rows); };
    return doctor::examine(problem.objective, *rule, *base, batch_of, options);
  }
  void run_steps(int count) {
    for (; count > 0; --count, ++steps) step.run(problem.batch(steps), steps);
  }
  void visit_state(StateVisitor& visitor) {
    visitor.visit("weights", problem.arena.home());
    for (auto& [name, tensor] : problem.model->buffers()) visitor.visit(name, tensor);
    rule->visit_state(visitor);
    base->visit_state(visitor);
  }

  ExamineOptions options{.steps = 30};
  std::int64_t rows = verify::NetProblem::kRows;
  verify::NetProblem problem;
  std::unique_ptr<optim::Rule> rule;
  std::unique_ptr<optim::BaseOptimizer> base;
  optim::TrainingStep step;
  std::int64_t steps = 0;

 private:
  template <class F>
  Patient(const NetOptions& net, double clip, const F& make_rule)
      : problem(net),
        rule(make_rule(problem.arena)),
        base(optim::make_base_optimizer("sgd", {.weight_decay = 1e-3}, problem.arena)),
        step(problem.objective, *rule, *base, clip) {
    base->set_rate(0.05);
    options.clip = clip;
  }
};

/// The symptoms that are wrong, in the order of the report.
inline std::vector<std::string> complaints(const Diagnosis& diagnosis) {
  std::vector<std::string> names;
  for (const Finding& finding : diagnosis.findings)
    if (finding.verdict == Verdict::wrong) names.emplace_back(finding.symptom);
  return names;
}

}  // namespace polder::doctor
