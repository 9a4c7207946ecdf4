#include <fmt/format.h>

#include "polder/doctor/symptoms.h"

namespace polder::doctor {

namespace {

class Home final : public Symptom {
 public:
  void begins(const Step&) override { written_ = false; }
  void looked(const Step& step, const Look&) override {
    if (numbers(step.objective.arena().home()) != step.stored) written_ = true;
  }
  void ended(const Step&, const optim::StepReport&) override {
    ++steps_;
    if (written_) ++written_steps_;
  }
  Finding finding() const override {
    if (written_steps_ == 0) return fine("no look found w itself changed");
    return wrong(
        fmt::format("w itself had been written to when a gradient was taken, in {} of {} steps",
                    written_steps_, steps_),
        "What is added and then subtracted does not come back bit for bit, and not at all "
        "when an exception flies; a checkpoint or another rule meets the wrong weights.",
        "Leave w alone: Excursion writes w + epsilon to the twin and comes home by itself.");
  }

 private:
  bool written_ = false;
  std::int64_t steps_ = 0, written_steps_ = 0;
};

}  // namespace

SymptomPtr home(const ExamineOptions&) { return std::make_unique<Home>(); }

}  // namespace polder::doctor
