#include <fmt/format.h>

#include "polder/doctor/symptoms.h"

namespace polder::doctor {

namespace {

class Perturbs final : public Symptom {
 public:
  explicit Perturbs(bool promised) : promised_(promised) {}

  void begins(const Step&) override { left_ = false; }
  void looked(const Step&, const Look& look) override { left_ = left_ || look.away; }
  void ended(const Step& step, const optim::StepReport& report) override {
    ++steps_;
    if (left_) ++left_steps_;
    if (report.perturbed) ++claimed_;
    const auto* rule = dynamic_cast<const optim::RadiusRule*>(&step.looking);
    const Tensor& rho = report.radius.defined() || rule == nullptr ? report.radius : rule->radius();
    if (!rho.defined()) return;
    for (const double radius : numbers(rho)) zero_radius_ = zero_radius_ && radius == 0.0;
    knows_radius_ = true;
  }
  Finding finding() const override {
    const std::string count =
        fmt::format("gradients were taken away from w in {} of {} steps", left_steps_, steps_);
    if (promised_ == (left_steps_ > 0))
      return fine(promised_ ? count : "the rule never leaves w, as it says");
    if (!promised_)
      return wrong(count,
                   "The rule says that it never leaves w, and what is checked and "
                   "published of it follows from that.",
                   "Correct `reach` in the rule's registry entry.");
    return wrong(count, "The base optimizer sees the plain gradient: training without SAM.",
                 remedy());
  }

 private:
  std::string remedy() const {
    if (knows_radius_ && zero_radius_) return "The radius is 0: set rho.";
    if (claimed_ == 0)
      return "The rule decided not to: see what decides (a probability, a threshold, a period, a "
             "schedule), or examine more steps.";
    return "Keep the Excursion alive while the second gradient is taken, and see that epsilon is "
           "not 0.";
  }

  bool promised_, left_ = false, knows_radius_ = false, zero_radius_ = true;
  std::int64_t steps_ = 0, left_steps_ = 0, claimed_ = 0;
};

}  // namespace

SymptomPtr perturbs(const ExamineOptions& options) {
  return std::make_unique<Perturbs>(options.reach != optim::Reach::none);
}

}  // namespace polder::doctor
