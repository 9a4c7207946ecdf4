#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "polder/doctor/symptoms.h"

namespace polder::doctor {

namespace {

class Climbs final : public Symptom {
 public:
  void begins(const Step&) override {
    clean_.clear();
    rise_.reset();
  }
  void looked(const Step&, const Look& look) override {
    if (!look.away) {
      clean_.emplace_back(look.rows, look.loss);
      return;
    }
    for (const auto& [rows, loss] : clean_)
      if (rows.inputs.raw() == look.rows.inputs.raw() && rows.size() == look.rows.size())
        rise_ = std::max(rise_.value_or(look.loss - loss), look.loss - loss);
  }
  void ended(const Step&, const optim::StepReport&) override {
    if (!rise_) return;
    ++steps_;
    if (*rise_ > 0.0) ++risen_;
    sum_ += *rise_;
  }
  Finding finding() const override {
    if (steps_ == 0) return unknown("no rows whose loss was taken at w and away from it");
    const std::string measured = fmt::format(
        "the loss away from w was above the loss at w in {} of {} steps, by {:.3g} on average",
        risen_, steps_, sum_ / static_cast<double>(steps_));
    if (2 * risen_ >= steps_) return fine(measured);
    return wrong(measured, "The perturbation does not look for the worst point near w.",
                 "Check the sign of epsilon, that direction and loss belong to the same rows, and "
                 "the other findings: different masks or a rounded epsilon hide a rise.");
  }

 private:
  std::vector<std::pair<Batch, double>> clean_;  // rows of this step's looks at w, and their loss
  std::optional<double> rise_;                   // the largest of this step
  std::int64_t steps_ = 0, risen_ = 0;
  double sum_ = 0.0;
};

}  // namespace

SymptomPtr ascent(const ExamineOptions&) { return std::make_unique<Climbs>(); }

}  // namespace polder::doctor
