#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "polder/core/allocator.h"
#include "polder/core/random.h"
#include "polder/lets/lets.h"
#include "polder/nn/models/registry.h"
#include "polder/optim/model_objective.h"
#include "polder/optim/registry.h"
#include "polder/optim/training_step.h"
#include "support/interleaved.h"

// Every rule of the registry beside plain SGD on the same model and batches: what a step takes next
// to the gradient evaluations that it is said to cost and that were counted, and the
// parameter-sized buffers that it holds next to those that it is said to hold. Steps are timed by
// the epoch, so that rules that pay now and then are paid for in full.
namespace polder::bench {
namespace {

constexpr int kRounds = 5;
constexpr std::int64_t kClasses = 10, kStepsPerEpoch = 20;

struct Model {
  const char* name;
  Shape input;
  std::int64_t batch;
};

optim::RuleRegistry all_rules() {
  optim::RuleRegistry rules = optim::built_in_rules();
  lets::add_rules(rules);
  return rules;
}

/// As the program counts: a forward pass is a third, a Hessian-vector product two.
double evaluations(const optim::WorkCount& work) {
  return work.gradients + work.forwards / 3.0 + 2.0 * work.hessian_products;
}

/// An epoch's samples, random ones.
struct Samples {
  Tensor inputs, targets, indices;

  explicit Samples(const Model& model) {
    const std::int64_t count = model.batch * kStepsPerEpoch;
    const auto sizes = model.input.sizes();
    std::vector<std::int64_t> shape{count}, labels, positions(static_cast<std::size_t>(count));
    shape.insert(shape.end(), sizes.begin(), sizes.end());
    std::iota(positions.begin(), positions.end(), 0);
    for (const std::int64_t i : positions) labels.push_back(i % kClasses);
    inputs = Tensor::empty(Shape(shape));
    targets = Tensor::from(labels, {count});
    indices = Tensor::from(positions, {count});
    kernels::backend_of(kCpu).random_normal(random_key(1, "inputs"), 0.0, 1.0, inputs);
  }
  Batch rows(std::int64_t begin, std::int64_t end) const {
    return Batch{.inputs = inputs, .targets = targets, .indices = indices}.slice(begin, end);
  }
};

/// A model under training by one rule, `kStepsPerEpoch` steps at a time.
class Training {
 public:
  Training(const Model& model, const Samples& samples, const std::string& rule)
      : batch_(model.batch),
        samples_(samples),
        model_(nn::make_model(model.name, model.input, kClasses, {.seed = 1})),
        arena_(*model_),
        objective_(*model_, arena_, optim::cross_entropy_loss(), 1),
        rule_(all_rules().make(rule, settings_for(rule), arena_)),
        base_(optim::make_base_optimizer("sgd", {.weight_decay = 5e-4}, arena_)) {
    objective_.set_validation([this] { return samples_.rows(0, batch_); });
    objective_.set_course({.steps = 100 * kStepsPerEpoch,
                           .steps_per_epoch = kStepsPerEpoch,
                           .rate_min = 1e-4,
                           .rate_max = 1e-3});
    const Tensor all = samples_.indices;
    objective_.set_training_set({all.size(0), kClasses, all.to_vector<std::int64_t>(),
                                 [this](std::span<const std::int64_t> positions) {
                                   return samples_.rows(positions.front(), positions.front() + 1);
                                 }});
    base_->set_rate(5e-4);
    step_ = std::make_unique<optim::TrainingStep>(objective_, *rule_, *base_);
  }

  /// Rules that lets could only learn with a term left out are timed all the same.
  static optim::Settings settings_for(const std::string& rule) {
    optim::Settings settings;
    if (rule.starts_with("lets_")) settings.set("allow_inexact", "true");
    return settings;
  }

  void run_epoch() {
    for (std::int64_t i = 0; i < kStepsPerEpoch; ++i)
      step_->run(samples_.rows(i * batch_, (i + 1) * batch_), steps_++);
  }
  double evaluations_a_step() const {
    return evaluations(objective_.work()) / static_cast<double>(steps_);
  }
  double bytes_of_weights() const { return static_cast<double>(arena_.home().bytes()); }

 private:
  std::int64_t batch_;
  const Samples& samples_;
  nn::ModulePtr model_;
  nn::ParameterArena arena_;
  optim::ModelObjective objective_;
  std::unique_ptr<optim::Rule> rule_;
  std::unique_ptr<optim::BaseOptimizer> base_;
  std::unique_ptr<optim::TrainingStep> step_;
  std::int64_t steps_ = 0;
};

/// What a training holds after an epoch, in parameter-sized buffers.
double buffers_held(const Model& model, const Samples& samples, const std::string& rule) {
  const std::size_t before = allocator_of(kCpu).stats().bytes_in_use;
  Training training(model, samples, rule);
  training.run_epoch();
  const std::size_t after = allocator_of(kCpu).stats().bytes_in_use;
  return static_cast<double>(after - before) / training.bytes_of_weights();
}

void rule_step(benchmark::State& state, Model model, std::string rule) {
  const Samples samples(model);
  buffers_held(model, samples, "none");  // what kernels keep from their first use on
  const double plain_buffers = buffers_held(model, samples, "none");
  const double buffers = buffers_held(model, samples, rule) - plain_buffers;
  Training training(model, samples, rule), plain(model, samples, "none");
  const Timings timings =
      interleaved(state, {[&] { training.run_epoch(); }, [&] { plain.run_epoch(); }});
  const optim::RuleRegistry rules = all_rules();
  const optim::RuleEntry& entry = rules.find(rule);
  const optim::Settings settings = Training::settings_for(rule);
  const double counted = training.evaluations_a_step();
  state.counters["1 evaluations published"] =
      evaluations(optim::expected_step(entry, settings, model.batch, kStepsPerEpoch));
  state.counters["2 evaluations counted"] = counted;
  state.counters["3 times none"] = timings.first_relative_to[1];
  state.counters["4 times none an evaluation"] = timings.first_relative_to[1] / counted;
  if (entry.cost) {
    const optim::RuleCost cost = optim::cost_of(entry, settings, model.batch);
    state.counters["5 buffers published"] = cost.kept + cost.scratch;
  }
  state.counters["6 buffers held"] = buffers;
}

bool register_all() {
  std::vector<std::string> names, few = {"none", "sam", "gsam", "m_sharp_sam", "esam", "look_sam"};
  const optim::RuleRegistry registry = all_rules();
  for (const optim::RuleEntry& entry : registry.entries()) {
    const bool other_lets = entry.name.starts_with("lets_") && entry.name != "lets_sam";
    if (entry.listed && !other_lets)
      (optim::needs_of(entry, {}).normalisation ? few : names).push_back(entry.name);
  }
  const auto add = [](const Model& model, const std::vector<std::string>& rules) {
    for (const std::string& rule : rules)
      benchmark::RegisterBenchmark(
          fmt::format("rules, {}, batch {}/{}", model.name, model.batch, rule).c_str(), rule_step,
          model, rule)
          ->Iterations(kRounds)
          ->UseManualTime();
  };
  add({"lenet", {28, 28, 1}, 128}, names);
  add({"resnet20", {32, 32, 3}, 32}, few);
  return true;
}

const bool registered = register_all();

}  // namespace
}  // namespace polder::bench
