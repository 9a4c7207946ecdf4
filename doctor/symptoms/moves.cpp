#include <fmt/format.h>

#include <algorithm>

#include "polder/doctor/symptoms.h"

namespace polder::doctor {

namespace {

/// An update shorter than this share of w is lost in most weights of float32.
constexpr double kShortest = 1e-8;

class Moves final : public Symptom {
 public:
  void ended(const Step& step, const optim::StepReport&) override {
    double update = 0.0, length = 0.0;
    for (std::size_t i = 0; i < step.stored.size(); ++i) {
      update += (step.moved[i] - step.stored[i]) * (step.moved[i] - step.stored[i]);
      length += step.stored[i] * step.stored[i];
    }
    ++steps_;
    if (update == 0.0 || update < kShortest * kShortest * length) ++still_;
    largest_rate_ = std::max(largest_rate_, step.base.rate().item());
  }
  Finding finding() const override {
    if (2 * still_ <= steps_)
      return fine(fmt::format("w moved in {} of {} steps", steps_ - still_, steps_));
    const std::string measured = fmt::format(
        "w hardly moved (less than {:.0e} of its length) in {} of {} steps; largest learning rate "
        "{:.4g}",
        kShortest, still_, steps_, largest_rate_);
    const std::string why = "Nothing is learned, whatever the rule does.";
    if (largest_rate_ == 0.0)
      return wrong(measured, why, "Set the learning rate: here the schedule gives 0.");
    return wrong(measured, why,
                 "Raise the learning rate: the update is lost to rounding. If it is 0, see that "
                 "the rule writes the gradient that the base optimizer gets.");
  }

 private:
  std::int64_t steps_ = 0, still_ = 0;
  double largest_rate_ = 0.0;
};

}  // namespace

SymptomPtr moves(const ExamineOptions&) { return std::make_unique<Moves>(); }

}  // namespace polder::doctor
