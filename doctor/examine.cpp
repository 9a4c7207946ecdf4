#include "polder/doctor/examine.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "polder/core/state_copy.h"
#include "polder/doctor/symptoms.h"
#include "polder/optim/rules/wasam.h"

namespace polder::doctor {

using optim::BaseOptimizer;
using optim::Objective;
using optim::PassView;
using optim::Rule;

namespace {

/// Remembers a training; the destructor puts it back.
class Rewind {
 public:
  Rewind(Objective& objective, Rule& rule, BaseOptimizer& base)
      : objective_(objective),
        rule_(rule),
        base_(base),
        home_(objective.arena().home().clone()),
        twin_(objective.arena().twin().clone()),
        rate_(base.rate().item()),
        progress_(objective.progress()) {
    for (const nn::NamedTensor& buffer : objective.buffers())
      buffers_.push_back(buffer.tensor.clone());
    rule_.visit_state(rule_state_);
    base_.visit_state(base_state_);
  }
  ~Rewind() {
    objective_.arena().activate_home();
    objective_.arena().home().copy_from(home_);
    objective_.arena().twin().copy_from(twin_);
    objective_.arena().refresh_home_copy();
    objective_.arena().refresh_twin_copy();
    std::size_t next = 0;
    for (const nn::NamedTensor& buffer : objective_.buffers())
      buffer.tensor.copy_from(buffers_[next++]);
    rule_state_.restore();
    rule_.visit_state(rule_state_);
    base_state_.restore();
    base_.visit_state(base_state_);
    base_.set_rate(rate_);
    objective_.set_progress(progress_);
  }
  Rewind(const Rewind&) = delete;
  Rewind& operator=(const Rewind&) = delete;

 private:
  Objective& objective_;
  Rule& rule_;
  BaseOptimizer& base_;
  Tensor home_, twin_;
  std::vector<Tensor> buffers_;
  double rate_;
  Objective::Progress progress_;
  StateCopy rule_state_, base_state_;
};

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Turns the passes of one step into looks and shows them to every symptom. Passes are watched
/// while it lives.
class Watch final : public optim::PassObserver {
 public:
  Watch(const Step& step, const std::vector<SymptomPtr>& symptoms)
      : step_(step), symptoms_(symptoms), steps_before_(step.base.steps()) {
    step_.objective.set_pass_observer(this);
  }
  ~Watch() override { step_.objective.set_pass_observer(nullptr); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void begins(const PassView& pass) override {
    for (const SymptomPtr& symptom : symptoms_) symptom->pass_begins(step_, pass);
    look_.reset();
    if (is_look(pass)) begin_look(pass);
  }

  void ended(const PassView& pass) override {
    if (look_) {
      look_->g = pass.g;
      look_->loss = mean_of(numbers(pass.losses));
      for (const SymptomPtr& symptom : symptoms_) symptom->looked(step_, *look_);
    }
    for (const SymptomPtr& symptom : symptoms_) symptom->pass_ended(step_, pass);
  }

 private:
  bool is_look(const PassView& pass) const {
    return pass.g != nullptr && !pass.options.upper && !pass.options.evaluation && !has_moved();
  }

  /// A driving rule may move w by itself, between its looks.
  bool has_moved() const {
    if (step_.base.steps() != steps_before_) return true;
    return dynamic_cast<const optim::DrivingRule*>(&step_.looking) != nullptr &&
           numbers(step_.objective.arena().home()) != step_.stored;
  }

  void begin_look(const PassView& pass) {
    const nn::ParameterArena& arena = step_.objective.arena();
    look_.emplace(Look{.rows = pass.rows,
                       .epsilon = weights_read(arena),
                       .step = pass.step,
                       .masks = pass.masks,
                       .alone = !pass.options.accumulate});
    const bool own = arena.compute_type() == arena.dtype();
    const std::vector<double>& home = own ? step_.own : step_.read;
    for (std::size_t i = 0; i < home.size(); ++i) look_->epsilon[i] -= home[i];
    look_->away = std::any_of(look_->epsilon.begin(), look_->epsilon.end(),
                              [](double x) { return x != 0.0; });
    const optim::Excursion* excursion = step_.objective.excursion();
    if (excursion == nullptr) return;
    look_->metric = excursion->ascent().metric;
    look_->asked = displacement_asked(*excursion, step_.own, arena);
  }

  const Step& step_;
  const std::vector<SymptomPtr>& symptoms_;
  std::int64_t steps_before_;
  std::optional<Look> look_;
};

/// The rule that looks, inside one that averages its weights.
const Rule& looking_of(const Rule& rule) {
  const auto* averaging = dynamic_cast<const optim::Wasam*>(&rule);
  return averaging == nullptr ? rule : looking_of(averaging->wrapped());
}

/// Makes one step; false when the weights are no longer finite.
bool make(Step& step, BaseOptimizer& base, double clip, Tensor& g,
          const std::vector<SymptomPtr>& symptoms) {
  step.objective.begin_step(step.number, step.batch.size(), base.rate());
  step.stored = numbers(step.objective.arena().home());
  step.read = weights_read(step.objective.arena());
  {
    const nn::OwnPrecision whole(step.objective.arena());
    step.own = weights_read(step.objective.arena());
  }
  for (const SymptomPtr& symptom : symptoms) symptom->begins(step);
  optim::StepReport report;
  {
    const Watch watch(step, symptoms);
    report = step.rule.step(step.objective, step.batch, base, clip, g);
  }
  step.moved = numbers(step.objective.arena().home());
  for (const SymptomPtr& symptom : symptoms) symptom->ended(step, report);
  return std::all_of(step.moved.begin(), step.moved.end(),
                     [](double weight) { return std::isfinite(weight); });
}

}  // namespace

Diagnosis examine(Objective& objective, Rule& rule, BaseOptimizer& base,
                  const std::function<Batch(std::int64_t)>& batch_of,
                  const ExamineOptions& options) {
  require(options.steps >= 1, "examine: {} steps, want at least 1", options.steps);
  const Rewind rewind(objective, rule, base);
  std::vector<SymptomPtr> symptoms;
  for (const SymptomRow& row : symptom_table()) symptoms.push_back(row.make(options));
  Tensor g = objective.arena().make_flat();
  Diagnosis diagnosis;
  for (bool finite = true; finite && diagnosis.steps < options.steps;) {
    const std::int64_t number = options.first_step + diagnosis.steps;
    if (options.rate) base.set_rate(options.rate(number));
    const Batch batch = batch_of(number);
    Step step{objective, rule, looking_of(rule), base, batch, number, {}, {}, {}, {}};
    finite = make(step, base, options.clip, g, symptoms);
    ++diagnosis.steps;
    if (options.after_step) options.after_step(diagnosis.steps);
  }
  for (std::size_t s = 0; s < symptoms.size(); ++s) {
    diagnosis.findings.push_back(symptoms[s]->finding());
    diagnosis.findings.back().symptom = symptom_table()[s].name;
  }
  return diagnosis;
}

}  // namespace polder::doctor
