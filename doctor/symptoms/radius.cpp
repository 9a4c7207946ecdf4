#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "polder/doctor/symptoms.h"

namespace polder::doctor {

namespace {

constexpr double kTolerance = 0.05;

class Radius final : public Symptom {
 public:
  explicit Radius(optim::Reach reach) : reach_(reach) {}

  void begins(const Step&) override { distances_.clear(); }
  void looked(const Step& step, const Look& look) override {
    if (!look.away) return;
    distances_.push_back(distance(step.own, look.epsilon, look.metric, step.objective.arena()));
  }
  void ended(const Step& step, const optim::StepReport& report) override {
    const auto* rule = dynamic_cast<const optim::RadiusRule*>(&step.looking);
    const Tensor& rho = report.radius.defined() || rule == nullptr ? report.radius : rule->radius();
    if (!rho.defined() || distances_.empty()) return;
    const std::vector<double> radii = numbers(rho);
    const auto [low, high] = std::minmax_element(radii.begin(), radii.end());
    for (const double found : distances_) compare(found, *low, *high);
  }
  Finding finding() const override {
    if (looks_ == 0) return unknown("no look away from w by a rule that names a radius");
    const auto n = static_cast<double>(looks_);
    const std::string measured =
        fmt::format("looks were {:.4g} away from w on average, rho is {:.4g}", distances_sum_ / n,
                    asked_sum_ / n);
    if (reach_ == optim::Reach::other || reach_ == optim::Reach::none)
      return unknown(measured + " and is not meant as that distance");
    if (2 * off_ <= looks_) return fine(measured);
    return wrong(fmt::format("{}; {} of {} looks are off by more than 5 %", measured, off_, looks_),
                 "rho is what is tuned, compared and published; here it means something else.",
                 "Build epsilon with ascend(), which divides by the norm it measures. If another "
                 "distance is meant, say so in the rule's registry entry (reach). If rounding is "
                 "wrong too, mend that first.");
  }

 private:
  /// One radius per segment: the distance lies between the smallest and the largest.
  void compare(double found, double low, double high) {
    ++looks_;
    distances_sum_ += found;
    asked_sum_ += 0.5 * (low + high);
    const bool short_of = reach_ == optim::Reach::radius && found < (1.0 - kTolerance) * low;
    if (short_of || !(found <= (1.0 + kTolerance) * high)) ++off_;
  }

  optim::Reach reach_;
  std::vector<double> distances_;  // of this step
  std::int64_t looks_ = 0, off_ = 0;
  double distances_sum_ = 0.0, asked_sum_ = 0.0;
};

}  // namespace

SymptomPtr radius(const ExamineOptions& options) { return std::make_unique<Radius>(options.reach); }

}  // namespace polder::doctor
