#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <map>
#include <memory>
#include <string>

#include "polder/core/allocator.h"
#include "polder/core/random.h"
#include "polder/lets/lets.h"
#include "polder/nn/models/registry.h"
#include "polder/optim/model_objective.h"
#include "polder/optim/registry.h"
#include "polder/optim/training_step.h"
#include "support/interleaved.h"

// One training step of each rule beside plain SGD's on the same model and batch, the memory it
// needs, and what it asks of the system once warm (nothing).
namespace polder::bench {
namespace {

constexpr int kRounds = 11;
constexpr int kWarmSteps = 3;
constexpr std::int64_t kClasses = 10;

struct Model {
  const char* name;
  Shape input;
  std::int64_t batch;
};

struct Variant {
  const char* label;
  const char* rule;
  std::map<std::string, std::string> settings;
};

optim::RuleRegistry all_rules() {
  optim::RuleRegistry rules = optim::built_in_rules();
  lets::add_rules(rules);
  return rules;
}

Batch random_batch(const Model& model, std::uint64_t seed) {
  const auto sizes = model.input.sizes();
  std::vector<std::int64_t> shape{model.batch};
  shape.insert(shape.end(), sizes.begin(), sizes.end());
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < model.batch; ++i) labels.push_back(i % kClasses);
  Batch batch{.inputs = Tensor::empty(Shape(shape)),
              .targets = Tensor::from(labels, {model.batch})};
  kernels::backend_of(kCpu).random_normal(random_key(seed, "inputs"), 0.0, 1.0, batch.inputs);
  return batch;
}

/// A model under training by one rule.
class Training {
 public:
  Training(const Model& model, const Variant& variant)
      : batch_(random_batch(model, 1)),
        held_out_(random_batch(model, 2)),
        model_(nn::make_model(model.name, model.input, kClasses, {.seed = 1})),
        arena_(*model_),
        objective_(*model_, arena_, optim::cross_entropy_loss(), 1),
        rule_(all_rules().make(variant.rule, optim::Settings(variant.settings), arena_)),
        base_(optim::make_base_optimizer("sgd", {.weight_decay = 5e-4}, arena_)),
        step_(objective_, *rule_, *base_) {
    objective_.set_validation([this] { return held_out_; });
    base_->set_rate(1e-3);
  }

  void run() { step_.run(batch_, steps_++); }
  std::int64_t weights() const { return arena_.weight_count(); }

 private:
  Batch batch_, held_out_;
  nn::ModulePtr model_;
  nn::ParameterArena arena_;
  optim::ModelObjective objective_;
  std::unique_ptr<optim::Rule> rule_;
  std::unique_ptr<optim::BaseOptimizer> base_;
  optim::TrainingStep step_;
  std::int64_t steps_ = 0;
};

void training_step(benchmark::State& state, Model model, Variant variant) {
  Training plain(model, {"", "none", {}});
  plain.run();  // threads take their working memory
  Allocator& allocator = allocator_of(kCpu);
  const std::size_t before = allocator.stats().bytes_in_use;
  Training training(model, variant);
  for (int i = 0; i < kWarmSteps; ++i) training.run();
  allocator.reset_peak();
  const std::uint64_t calls = allocator.stats().system_calls;
  for (int i = 0; i < kWarmSteps; ++i) training.run();
  const AllocatorStats stats = allocator.stats();

  const Timings timings = interleaved(state, {[&] { training.run(); }, [&] { plain.run(); }});
  state.counters["ms per step"] = 1e3 * timings.median[0];
  state.counters["times none"] = timings.first_relative_to[1];
  state.counters["peak MB"] = 1e-6 * static_cast<double>(stats.peak_bytes - before);
  state.counters["system allocations per step"] =
      static_cast<double>(stats.system_calls - calls) / kWarmSteps;
  state.counters["weights"] = static_cast<double>(training.weights());
}

bool register_all() {
  const Variant variants[] = {{"none", "none", {}},
                              {"sam", "sam", {}},
                              {"lets_sam, exact", "lets_sam", {{"curvature", "exact"}}},
                              {"lets_sam, secant", "lets_sam", {{"curvature", "secant"}}}};
  for (const Model& model : {Model{"mlp", {28, 28, 1}, 128}, Model{"lenet", {28, 28, 1}, 128},
                             Model{"resnet20", {32, 32, 3}, 64}})
    for (const Variant& variant : variants)
      benchmark::RegisterBenchmark(
          fmt::format("training step, {}, batch {}/{}", model.name, model.batch, variant.label)
              .c_str(),
          training_step, model, variant)
          ->Iterations(kRounds)
          ->UseManualTime();
  return true;
}

const bool registered = register_all();

}  // namespace
}  // namespace polder::bench
