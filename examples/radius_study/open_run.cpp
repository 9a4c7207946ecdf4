#include "open_run.h"

#include "polder/app/scoring.h"
#include "polder/app/trainer.h"
#include "polder/nn/models/registry.h"

namespace polder::radius_study {

namespace {

nn::ModulePtr build_model(const app::Config& config, const data::Dataset& dataset) {
  return nn::make_model(config.model, dataset.sample_shape(), dataset.classes(),
                        {.seed = static_cast<std::uint64_t>(config.seed)},
                        {.activation = config.activation});
}

}  // namespace

OpenRun::OpenRun(const app::Config& config, const MakeRule& make_rule)
    : config_(config),
      samples_(config),
      loader_(samples_.training_loader()),
      validation_(samples_.validation_loader()),
      fresh_training_(samples_.fresh_training_loader()),
      model_(build_model(config, samples_.training())),
      arena_(*model_),
      objective_(*model_, arena_, optim::cross_entropy_loss(config.label_smoothing),
                 static_cast<std::uint64_t>(config.seed)),
      rule_(make_rule(arena_)),
      base_(arena_, {.momentum = config.momentum,
                     .weight_decay = config.weight_decay,
                     .nesterov = config.nesterov}),
      training_step_(objective_, *rule_, base_),
      schedule_{.decay = optim::parse_decay(config.schedule),
                .peak = config.lr,
                .warmup = config.warmup} {
  objective_.set_validation([this] { return validation_.next(); });
  objective_.set_fresh_training([this] { return fresh_training_.next(); });
}

void OpenRun::set_rate() {
  base_.set_rate(schedule_.rate(static_cast<double>(steps_), total_steps()));
}

optim::StepReport OpenRun::step() {
  set_rate();
  return training_step_.run(loader_.next(), steps_++);
}

void OpenRun::train_until(std::int64_t step) {
  while (steps_ < step) this->step();
}

OpenRun::Place OpenRun::place() {
  Place place{.weights = arena_.home().clone(), .data = loader_.position(), .steps = steps_};
  base_.visit_state(place.parts);
  rule_->visit_state(place.parts);
  return place;
}

void OpenRun::return_to(Place& place) {
  arena_.home().copy_from(place.weights);
  place.parts.restore();
  base_.visit_state(place.parts);
  rule_->visit_state(place.parts);
  loader_.seek(place.data);
  steps_ = place.steps;
}

Scores OpenRun::scores() {
  const auto score = [this](const data::Dataset& dataset,
                            const std::vector<std::int64_t>& indices) {
    return app::score_of(dataset, indices, samples_.normalization(),
                         [this](const Batch& batch) { return objective_.evaluate(batch.inputs); });
  };
  const app::Score test = score(samples_.test(), samples_.test_indices());
  return {.training = score(samples_.training(), samples_.training_indices()).loss,
          .validation = score(samples_.training(), samples_.validation_indices()).loss,
          .test = test.loss,
          .test_accuracy = test.accuracy};
}

void OpenRun::look_at_whole_sets() {
  const auto whole = [this](const std::vector<std::int64_t>& indices) {
    return data::gather(samples_.training(), indices, samples_.normalization());
  };
  Batch training = whole(samples_.training_indices());
  Batch validation = whole(samples_.validation_indices());
  objective_.set_fresh_training([training = std::move(training)] { return training; });
  objective_.set_validation([validation = std::move(validation)] { return validation; });
}

OpenRun::MakeRule rule_named(const std::string& text) {
  const app::RuleSpec spec = app::parse_rule(text);
  return [spec](nn::ParameterArena& arena) {
    return app::known_rules().make(spec.name, optim::Settings(spec.settings), arena);
  };
}

optim::RadiusRule& fixed_radius_rule(optim::Rule& rule) {
  auto* found = dynamic_cast<optim::RadiusRule*>(&rule);
  require(found != nullptr, "radius_study: wants a rule with a radius of its own");
  return *found;
}

}  // namespace polder::radius_study
