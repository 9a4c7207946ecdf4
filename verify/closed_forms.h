#pragma once

#include <functional>
#include <map>
#include <string>

#include "polder/optim/registry.h"
#include "polder/verify/quadratic.h"

namespace polder::verify {

/// Two steps of a rule on quadratics with w held still: what a closed form is told.
struct Scene {
  Batch rows[2];      // the batch of each step
  Quadratic mean[2];  // its mean loss
  Vector w;
  optim::Settings settings;
  double rise = 0.0;  // (eta - eta_min) / (eta_max - eta_min)

  double number(const char* name) const { return settings.number(name); }
};

/// G of step t in {0, 1}, from the formulas of docs/methods, under trial settings and these.
struct ClosedForm {
  std::map<std::string, std::string> settings{};
  std::function<Vector(const Scene& scene, int t)> gradient;
};

/// The closed form written down for a rule, or null.
const ClosedForm* closed_form_of(const std::string& rule);

/// The largest distance of the rule's G from its closed form, relative to 1 + |G|, float64.
double distance_to_closed_form(const optim::RuleEntry& entry, const ClosedForm& form,
                               std::uint64_t seed, Device device = kCpu);

}  // namespace polder::verify
