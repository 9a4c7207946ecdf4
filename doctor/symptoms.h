#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "polder/doctor/examine.h"
#include "polder/doctor/look.h"

namespace polder::doctor {

/// One thing that can be wrong with a training: collects what it needs while steps are made, then
/// says what it found. Calls come in this order, for every step: begins; for each pass pass_begins,
/// looked (training gradients before the base optimizer moved w), pass_ended; ended.
class Symptom {
 public:
  virtual ~Symptom() = default;
  virtual void begins(const Step&) {}
  virtual void pass_begins(const Step&, const optim::PassView&) {}
  virtual void looked(const Step&, const Look&) {}
  virtual void pass_ended(const Step&, const optim::PassView&) {}
  /// The step is still open, so passes may be made; nobody watches those.
  virtual void ended(const Step&, const optim::StepReport&) {}
  virtual Finding finding() const = 0;
};
using SymptomPtr = std::unique_ptr<Symptom>;

Finding fine(std::string measured);
Finding wrong(std::string measured, std::string why, std::string remedy);
Finding unknown(std::string because);

// What is looked for, each in its file of symptoms/.
SymptomPtr finite(const ExamineOptions&);      // a loss or a weight is no longer a number
SymptomPtr moves(const ExamineOptions&);       // w stands still: learning rate 0, update lost
SymptomPtr home(const ExamineOptions&);        // the rule writes to w itself
SymptomPtr perturbs(const ExamineOptions&);    // G is formed at w: no perturbation
SymptomPtr radius(const ExamineOptions&);      // the distance from w is not the radius asked for
SymptomPtr rounding(const ExamineOptions&);    // the perturbation is smaller than a rounding unit
SymptomPtr ascent(const ExamineOptions&);      // the perturbed loss is not above the clean one
SymptomPtr gradients(const ExamineOptions&);   // a segment gets no gradient, or in one pass only
SymptomPtr statistics(const ExamineOptions&);  // running statistics move twice a step, or never
SymptomPtr masks(const ExamineOptions&);       // the passes of a step meet different random masks
SymptomPtr clamp(const ExamineOptions&);       // a learned radius stands at its bound

struct SymptomRow {
  std::string_view name;
  SymptomPtr (*make)(const ExamineOptions&);
};
/// All of the above, in the order of a report.
const std::vector<SymptomRow>& symptom_table();

}  // namespace polder::doctor
