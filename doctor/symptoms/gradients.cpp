#include <fmt/format.h>

#include <algorithm>

#include "polder/core/text.h"
#include "polder/doctor/symptoms.h"

namespace polder::doctor {

namespace {

/// How a segment fared.
struct Fate {
  std::string name;
  bool here = false, away = false;  // a gradient in this step, at w and away from it
  std::int64_t steps = 0;           // with a gradient somewhere
  std::int64_t torn = 0;            // with a gradient in one place alone
};

/// "2 of 6 segments: fc1.weight, fc1.bias, and 3 more"
std::string listing(const std::vector<std::string>& names, std::size_t segments) {
  const std::size_t shown = std::min<std::size_t>(names.size(), 3);
  std::string text =
      fmt::format("{} of {} segments: {}", names.size(), segments,
                  join({names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown)}));
  if (shown < names.size()) text += fmt::format(", and {} more", names.size() - shown);
  return text;
}

class Gradients final : public Symptom {
 public:
  void begins(const Step& step) override {
    if (fates_.empty())
      for (const nn::Segment& segment : step.objective.arena().segments())
        fates_.push_back({.name = segment.name});
    for (Fate& fate : fates_) fate.here = fate.away = false;
    at_home_ = away_ = false;
  }
  void looked(const Step& step, const Look& look) override {
    if (!look.alone) return;
    (look.away ? away_ : at_home_) = true;
    const nn::ParameterArena& arena = step.objective.arena();
    for (std::size_t s = 0; s < fates_.size(); ++s) {
      const std::vector<double> part = numbers(arena.part(*look.g, arena.segments()[s]));
      if (std::any_of(part.begin(), part.end(), [](double x) { return x != 0.0; }))
        (look.away ? fates_[s].away : fates_[s].here) = true;
    }
  }
  void ended(const Step&, const optim::StepReport&) override {
    if (at_home_ || away_) ++steps_;
    if (at_home_ && away_) ++pairs_;
    for (Fate& fate : fates_) {
      if (fate.here || fate.away) ++fate.steps;
      if (at_home_ && away_ && fate.here != fate.away) ++fate.torn;
    }
  }
  Finding finding() const override {
    if (steps_ == 0) return unknown("no pass whose gradient stood alone");
    std::vector<std::string> never, torn;
    for (const Fate& fate : fates_) {
      if (fate.steps == 0) never.push_back(fate.name);
      if (2 * fate.torn > pairs_) torn.push_back(fate.name);
    }
    if (!never.empty())
      return wrong("no gradient in any pass for " + listing(never, fates_.size()),
                   "These weights are never trained and take no part in the perturbation.",
                   "See that the forward pass uses them, and that nothing on the way to the loss "
                   "is constant (units that are dead, values taken out of the graph).");
    if (!torn.empty())
      return wrong("a gradient in one of the two passes alone for " + listing(torn, fates_.size()),
                   "The two passes meet different networks: the perturbation is for one and the "
                   "update for the other.",
                   "Let every pass of a step take the same path: key what is random by the step "
                   "(nn::Pass::masks), not by a counter of passes.");
    return fine(fmt::format("all {} segments got a gradient, in both passes where there are two",
                            fates_.size()));
  }

 private:
  std::vector<Fate> fates_;
  bool at_home_ = false, away_ = false;  // this step looked there
  std::int64_t steps_ = 0, pairs_ = 0;
};

}  // namespace

SymptomPtr gradients(const ExamineOptions&) { return std::make_unique<Gradients>(); }

}  // namespace polder::doctor
