#include <fmt/format.h>

#include <algorithm>

#include "polder/doctor/symptoms.h"
#include "polder/lets/lets.h"

namespace polder::doctor {

namespace {

constexpr double kNear = 1e-3;  // of a bound, relative: the clamp is met to rounding

class Clamp final : public Symptom {
 public:
  void begins(const Step& step) override {
    const auto* rule = dynamic_cast<const lets::Lets*>(&step.looking);
    if (rule != nullptr && !known_) hits_before_ = rule->parameter().clamp_hits();
    known_ = rule != nullptr;
  }
  void ended(const Step& step, const optim::StepReport&) override {
    const auto* rule = dynamic_cast<const lets::Lets*>(&step.looking);
    if (rule == nullptr) return;
    hits_ = rule->parameter().clamp_hits() - hits_before_;
    const lets::RadiusOptions& options = rule->options().radius;
    lowest_ = options.rho_min, highest_ = options.rho_max;
    radii_ = numbers(rule->radius());
  }
  Finding finding() const override {
    if (!known_) return unknown("the rule does not learn its radius");
    const auto at_bound = std::count_if(radii_.begin(), radii_.end(), [this](double rho) {
      return rho <= (1.0 + kNear) * lowest_ || rho >= (1.0 - kNear) * highest_;
    });
    const auto [low, high] = std::minmax_element(radii_.begin(), radii_.end());
    const std::string range =
        *low == *high ? fmt::format("{:.4g}", *low) : fmt::format("{:.4g} to {:.4g}", *low, *high);
    const std::string measured =
        fmt::format("the learned radius is {}, held back {} times by [{:.4g}, {:.4g}]", range,
                    hits_, lowest_, highest_);
    if (hits_ == 0 && at_bound == 0) return fine(measured);
    return wrong(measured, "A radius at its bound is the bound's choice, not the data's.",
                 "Widen rho_min and rho_max; if the radius runs away, lower lr_nu or see "
                 "docs/methods/lets.md on the gap.");
  }

 private:
  bool known_ = false;
  std::int64_t hits_before_ = 0, hits_ = 0;
  double lowest_ = 0.0, highest_ = 0.0;
  std::vector<double> radii_;
};

}  // namespace

SymptomPtr clamp(const ExamineOptions&) { return std::make_unique<Clamp>(); }

}  // namespace polder::doctor
