#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "polder/doctor/symptoms.h"

namespace polder::doctor {

namespace {

class Finite final : public Symptom {
 public:
  void looked(const Step& step, const Look& look) override {
    note(step, look.loss, look.away ? "the loss away from w" : "the loss at w");
  }
  void ended(const Step& step, const optim::StepReport&) override {
    for (const double weight : step.moved) note(step, weight, "a weight after the update");
  }
  Finding finding() const override {
    if (first_.empty()) return fine("every loss and every weight is a finite number");
    return wrong(first_, "Nothing that follows means anything; the examination stopped there.",
                 "Lower the learning rate (warm up to it) or rho, clip the gradient, and look for "
                 "inputs that are not finite.");
  }

 private:
  void note(const Step& step, double value, std::string_view what) {
    if (!std::isfinite(value) && first_.empty())
      first_ = fmt::format("step {}: {} is {}", step.number, what, value);
  }

  std::string first_;
};

}  // namespace

SymptomPtr finite(const ExamineOptions&) { return std::make_unique<Finite>(); }

}  // namespace polder::doctor
