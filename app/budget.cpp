#include "polder/app/budget.h"

#include <algorithm>
#include <cmath>

#include "polder/core/error.h"

namespace polder::app {
namespace {

/// Of the size: passes over parts of a batch add up to whole evaluations only nearly.
constexpr double kRounding = 1e-9;

Budget::Kind kind_of(const std::string& name) {
  if (name == "steps") return Budget::Kind::steps;
  return name == "evaluations" ? Budget::Kind::evaluations : Budget::Kind::seconds;
}

}  // namespace

double evaluations_of(const optim::WorkCount& work) {
  return work.gradients + work.forwards / 3.0 + 2.0 * work.hessian_products;
}

Budget::Budget(const Config& config, std::int64_t steps)
    : kind_(kind_of(config.budget)),
      steps_(steps),
      size_(config.budget_size > 0.0 ? config.budget_size : static_cast<double>(steps)) {
  require(kind_ != Kind::seconds || config.budget_size > 0.0,
          "budget: seconds want a --budget-size");
}

double Budget::used(const Spending& spent) const {
  switch (kind_) {
    case Kind::steps:
      return static_cast<double>(spent.steps);
    case Kind::evaluations:
      return spent.evaluations;
    case Kind::seconds:
      return spent.seconds;
  }
  return 0.0;
}

double Budget::time(const Spending& spent) const {
  // In this order whole evaluations of a budget of T are whole steps, exactly.
  return used(spent) * static_cast<double>(steps_) / size_;
}

double Budget::share(const Spending& spent) const { return std::min(1.0, used(spent) / size_); }

bool Budget::used_up(const Spending& spent) const {
  return used(spent) >= size_ * (1.0 - kRounding);
}

std::int64_t Budget::planned_steps(double evaluations_a_step) const {
  if (kind_ == Kind::steps) return steps_;
  const double evaluations = kind_ == Kind::evaluations ? size_ : static_cast<double>(steps_);
  return std::max<std::int64_t>(
      1, std::llround(std::ceil(evaluations / evaluations_a_step * (1.0 - kRounding))));
}

}  // namespace polder::app
