#include <fmt/format.h>

#include <algorithm>

#include "polder/doctor/symptoms.h"

namespace polder::doctor {

namespace {

std::vector<std::vector<double>> values_of(const optim::Objective& objective) {
  std::vector<std::vector<double>> values;
  for (const nn::NamedTensor& buffer : objective.buffers())
    values.push_back(numbers(buffer.tensor));
  return values;
}

class Statistics final : public Symptom {
 public:
  void begins(const Step&) override { moves_ = 0; }
  void pass_begins(const Step& step, const optim::PassView&) override {
    before_ = values_of(step.objective);
  }
  /// A rule that estimates them anew says so with a momentum of its own.
  void pass_ended(const Step& step, const optim::PassView& pass) override {
    if (!pass.options.statistics_momentum && values_of(step.objective) != before_) ++moves_;
  }
  void ended(const Step& step, const optim::StepReport&) override {
    ++steps_;
    present_ = present_ || !step.objective.buffers().empty();
    if (moves_ > 0) ++moved_steps_;
    if (moves_ > 1) ++repeated_;
    most_ = std::max(most_, moves_);
  }
  Finding finding() const override {
    if (!present_) return unknown("no running statistics in this problem");
    if (repeated_ > 0)
      return wrong(
          fmt::format(
              "running statistics moved up to {} times a step, in {} of {} steps more than once",
              most_, repeated_, steps_),
          "They mix statistics of w with those of perturbed weights, and evaluation uses them.",
          "Use BatchNormUpdate::clean, and open each step with one begin_step.");
    if (moved_steps_ == 0)
      return wrong(fmt::format("running statistics did not move in {} steps", steps_),
                   "Evaluation uses them, and they hold their initial values.",
                   "Use BatchNormUpdate::clean, and take at least one gradient of the step in "
                   "training mode.");
    return fine(fmt::format("running statistics moved once a step, in {} of {} steps", moved_steps_,
                            steps_));
  }

 private:
  std::vector<std::vector<double>> before_;
  bool present_ = false;
  std::int64_t moves_ = 0, most_ = 0, steps_ = 0, moved_steps_ = 0, repeated_ = 0;
};

}  // namespace

SymptomPtr statistics(const ExamineOptions&) { return std::make_unique<Statistics>(); }

}  // namespace polder::doctor
