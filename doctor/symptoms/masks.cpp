#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "polder/doctor/symptoms.h"

namespace polder::doctor {

namespace {

constexpr std::int64_t kProbes = 3;  // steps in which passes are repeated

/// Asks two things: do two passes over the same rows at the same weights agree, and do the passes
/// of a step use the same masks (which says little for a model without any).
class Masks final : public Symptom {
 public:
  void begins(const Step&) override { first_.reset(); }
  void looked(const Step&, const Look& look) override {
    const Seen seen{look.step, look.masks};
    if (first_ && *first_ != seen) differ_ = true;
    if (!first_) first_ = seen;
  }
  void ended(const Step& step, const optim::StepReport&) override {
    if (differ_) ++torn_steps_;
    differ_ = false;
    if (++steps_ > kProbes) return;
    const auto losses = [&](const optim::PassOptions& options) {
      return numbers(step.objective.losses(step.batch, options));
    };
    const std::vector<double> once = losses({.move_statistics = false});
    const std::vector<double> again = losses({.move_statistics = false});
    const std::vector<double> plain = losses({.upper = true});
    for (std::size_t i = 0; i < once.size(); ++i) {
      if (once[i] != again[i]) unlike_ = true;
      gap_ = std::max(gap_, std::abs(once[i] - again[i]));
      if (once[i] != plain[i]) random_ = true;
    }
  }
  Finding finding() const override {
    const std::string why =
        "The two gradients belong to different networks, and their difference is "
        "noise of the masks rather than sharpness.";
    if (unlike_)
      return wrong(
          fmt::format(
              "two passes over the same rows at the same weights differ by up to {:.3g} in loss",
              gap_),
          why,
          "Replay: key random numbers by the step (nn::Pass::masks), never by a "
          "counter of passes or a shared generator.");
    if (random_ && torn_steps_ > 0)
      return wrong(fmt::format("passes of one step used different masks, in {} of {} steps",
                               torn_steps_, steps_),
                   why,
                   "Make all passes of G training passes of one step: one begin_step, no "
                   "PassOptions::upper.");
    return fine(random_ ? "repeated passes agree to the bit, masks included"
                        : "repeated passes agree to the bit; the model has no masks");
  }

 private:
  struct Seen {
    std::int64_t step;
    bool masks;
    bool operator==(const Seen&) const = default;
  };
  std::optional<Seen> first_;  // of this step
  bool differ_ = false, unlike_ = false, random_ = false;
  std::int64_t steps_ = 0, torn_steps_ = 0;
  double gap_ = 0.0;
};

}  // namespace

SymptomPtr masks(const ExamineOptions&) { return std::make_unique<Masks>(); }

}  // namespace polder::doctor
