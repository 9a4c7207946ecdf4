#include <fmt/format.h>

#include "polder/core/format.h"
#include "polder/doctor/symptoms.h"

namespace polder::doctor {

namespace {

class Rounding final : public Symptom {
 public:
  void looked(const Step& step, const Look& look) override {
    type_ = step.objective.arena().compute_type();
    for (std::size_t i = 0; i < look.asked.size(); ++i) {
      if (look.asked[i] == 0.0) continue;
      ++asked_;
      if (look.epsilon[i] == 0.0) ++lost_;
    }
  }
  Finding finding() const override {
    if (asked_ == 0) return unknown("no look whose exact epsilon is known");
    const double share = static_cast<double>(lost_) / static_cast<double>(asked_);
    const std::string measured =
        fmt::format("{:.3g} % of the weights to be moved read the same {} number as at w",
                    100.0 * share, type_);
    if (share <= 0.5) return fine(measured);
    return wrong(measured,
                 "epsilon is smaller than half a unit of that type there, so the second gradient "
                 "belongs to the old weights.",
                 "Raise rho, or take the perturbed gradient in a type with more digits.");
  }

 private:
  DType type_ = DType::float32;
  std::int64_t asked_ = 0, lost_ = 0;
};

}  // namespace

SymptomPtr rounding(const ExamineOptions&) { return std::make_unique<Rounding>(); }

}  // namespace polder::doctor
