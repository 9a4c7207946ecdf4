#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "polder/app/samples.h"
#include "polder/core/state_copy.h"
#include "polder/optim/model_objective.h"
#include "polder/optim/schedule.h"
#include "polder/optim/sgd.h"
#include "polder/optim/training_step.h"

namespace polder::radius_study {

/// Mean losses over whole sets of samples, and the share of right answers on the test samples.
struct Scores {
  double training = 0.0, validation = 0.0, test = 0.0;
  double test_accuracy = 0.0;
  /// J = gap^2 / 2
  double objective() const { return (validation - training) * (validation - training) / 2; }
};

/// The run that `polder train` makes of a configuration with SGD and without clipping, laid open:
/// the same data, weights and batches, but every part can be reached, and the run can be put back
/// to where it was.
class OpenRun {
 public:
  using MakeRule = std::function<std::unique_ptr<optim::Rule>(nn::ParameterArena&)>;
  OpenRun(const app::Config& config, const MakeRule& make_rule);

  std::int64_t steps_made() const { return steps_; }
  std::int64_t total_steps() const { return config_.epochs * loader_.batches_per_epoch(); }
  optim::StepReport step();
  void train_until(std::int64_t step);

  /// Where a run stands: weights, optimizer and rule, place in the data.
  struct Place {
    Tensor weights;
    StateCopy parts{};
    data::LoaderPosition data;
    std::int64_t steps = 0;
  };
  Place place();
  void return_to(Place& place);

  /// Sets the learning rate of the step to come.
  void set_rate();
  Scores scores();
  /// From now on the upper steps of a rule see all held-out and all training samples.
  void look_at_whole_sets();

  app::Samples& samples() { return samples_; }
  optim::ModelObjective& objective() { return objective_; }
  optim::Rule& rule() { return *rule_; }
  optim::Sgd& base() { return base_; }
  nn::ParameterArena& arena() { return arena_; }

 private:
  app::Config config_;
  app::Samples samples_;
  data::Loader loader_, validation_, fresh_training_;
  nn::ModulePtr model_;
  nn::ParameterArena arena_;
  optim::ModelObjective objective_;
  std::unique_ptr<optim::Rule> rule_;
  optim::Sgd base_;
  optim::TrainingStep training_step_;
  optim::Schedule schedule_;
  std::int64_t steps_ = 0;
};

/// A rule by name and settings, as in "sam:rho=0.1".
OpenRun::MakeRule rule_named(const std::string& text);

/// The rule's own radius, when it has one that stays.
optim::RadiusRule& fixed_radius_rule(optim::Rule& rule);

}  // namespace polder::radius_study
