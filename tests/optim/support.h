#pragma once

#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "polder/autograd/functions.h"
#include "polder/core/error.h"
#include "polder/core/random.h"
#include "polder/nn/activation.h"
#include "polder/nn/dropout.h"
#include "polder/nn/linear.h"
#include "polder/nn/normalization.h"
#include "polder/nn/sequential.h"
#include "polder/optim/model_objective.h"
#include "polder/optim/registry.h"
#include "polder/optim/training_step.h"
#include "test_support.h"

namespace polder::optim {

inline std::vector<std::byte> bits_of(const Tensor& tensor) {
  const auto* first = static_cast<const std::byte*>(tensor.raw());
  return {first, first + tensor.bytes()};
}

struct NetOptions {
  DType dtype = DType::float32;
  bool batch_norm = true;
  double dropout = 0.3;
  std::int64_t width = 17;
  std::uint64_t seed = 1;
  std::string activation = "relu";
  double loss_factor = 1.0;  // 0: every gradient is zero
  int second_head = 0;       // 1: a head that only odd passes use, 2: only even ones
};

/// A head beside fc2 that only every second pass uses: layer drop, routing.
class RoutedHead : public nn::Module {
 public:
  RoutedHead(const nn::Build& build, std::int64_t width, int which)
      : which_(which),
        first_(make<nn::Linear>(build, "first", width, 5)),
        second_(make<nn::Linear>(build, "second", width, 5)) {}
  nn::Variable forward(const nn::Variable& x, nn::Pass& pass) override {
    const nn::Variable y = first_->forward(x, pass);
    return ++passes_ % 2 == which_ % 2 ? autograd::add(y, second_->forward(x, pass)) : y;
  }

 private:
  int which_, passes_ = 0;
  std::shared_ptr<nn::Linear> first_, second_;
};

/// A small network with everything that can go wrong: batch norm, dropout, odd sizes.
inline std::shared_ptr<nn::Sequential> small_net(const NetOptions& options) {
  const nn::Build build{.seed = options.seed, .dtype = options.dtype};
  auto net = std::make_shared<nn::Sequential>(build);
  net->add<nn::Linear>("fc1", 6, options.width);
  if (options.batch_norm) net->add<nn::BatchNorm>("bn1", options.width);
  net->add<nn::Activation>("act1", options.activation);
  net->add<nn::Dropout>("drop1", options.dropout);
  if (options.second_head == 0)
    net->add<nn::Linear>("fc2", options.width, 5);
  else
    net->add<RoutedHead>("heads", options.width, options.second_head);
  return net;
}

/// A model's objective that keeps a diary of its passes and can fail in one of them.
class WatchedObjective : public ModelObjective {
 public:
  using ModelObjective::ModelObjective;

  struct SeenPass {
    bool at_home = false;
    bool moved_statistics = false;
  };
  std::vector<SeenPass> diary;
  int fail_at = -1;  // throws in the pass that would be diary[fail_at]

 protected:
  Tensor add_gradient(const Batch& rows, const RowWeights& seeds_of, PassPlan plan,
                      Tensor& g) override {
    enter(plan);
    return ModelObjective::add_gradient(rows, seeds_of, plan, g);
  }
  Tensor per_sample_losses(const Batch& rows, PassPlan plan) override {
    enter(plan);
    return ModelObjective::per_sample_losses(rows, plan);
  }
  Tensor outputs_of(const Batch& rows, PassPlan plan) override {
    enter(plan);
    return ModelObjective::outputs_of(rows, plan);
  }
  void add_hessian_product(const Batch& rows, double weight, PassPlan plan, const Tensor& v,
                           Tensor& out) override {
    enter(plan);
    ModelObjective::add_hessian_product(rows, weight, plan, v, out);
  }

 private:
  void enter(const PassPlan& plan) {
    if (static_cast<int>(diary.size()) == fail_at) throw std::runtime_error("the pass failed");
    diary.push_back({arena().at_home(), plan.move_statistics});
  }
};

/// Classification of random points, float32 or float64, a fresh batch for each step: 39 samples, 3
/// steps an epoch. The points of a sample differ from epoch to epoch, as if augmented.
class NetProblem {
 public:
  static constexpr std::int64_t kRows = 13, kStepsPerEpoch = 3, kSamples = kRows * kStepsPerEpoch;
  static constexpr Course kCourse{
      .steps = 30, .steps_per_epoch = kStepsPerEpoch, .rate_min = 0.01, .rate_max = 0.05};

  explicit NetProblem(NetOptions options = {})
      : options_(options),
        model(small_net(options)),
        arena(*model),
        objective(*model, arena, scaled_loss(options.loss_factor), options.seed) {
    objective.set_course(kCourse);
    objective.set_validation([this] { return draw("validation", objective.step(), 7); });
    objective.set_fresh_training([this] { return draw("fresh", objective.step(), kRows); });
    TrainingSet set{kSamples, 5, std::vector<std::int64_t>(kSamples), {}};
    std::iota(set.indices.begin(), set.indices.end(), 0);
    set.rows = [this](std::span<const std::int64_t> indices) {
      return draw("sample", indices.front(), static_cast<std::int64_t>(indices.size()));
    };
    objective.set_training_set(std::move(set));
  }

  Batch batch(std::int64_t step, std::int64_t rows = kRows) const {
    Batch batch = draw("batch", step, rows);
    std::vector<std::int64_t> indices(static_cast<std::size_t>(rows));
    for (std::int64_t i = 0; i < rows; ++i)
      indices[static_cast<std::size_t>(i)] = (step * rows + 7 * i) % kSamples;
    batch.indices = Tensor::from(indices, {rows});
    return batch;
  }

 private:
  static LossFunction scaled_loss(double factor) {
    if (factor == 1.0) return cross_entropy_loss(0.1);
    return [factor](const autograd::Variable& outputs, const Tensor& targets) {
      return autograd::affine(autograd::cross_entropy(outputs, targets, 0.1), factor);
    };
  }

  /// Random points and labels, a function of the stream and its number.
  Batch draw(const std::string& stream, std::int64_t number, std::int64_t rows) const {
    const auto at = static_cast<std::uint32_t>(number);
    const RandomKey points = random_key(options_.seed, stream, at);
    const RandomKey classes = random_key(options_.seed, stream + "/labels", at);
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < rows; ++i)
      labels.push_back(static_cast<std::int64_t>(below(classes, static_cast<std::uint64_t>(i), 5)));
    Batch batch{.inputs = Tensor::empty({rows, 6}, options_.dtype),
                .targets = Tensor::from(labels, {rows})};
    kernels::backend_of(batch.inputs).random_normal(points, 0.0, 1.0, batch.inputs);
    return batch;
  }

  NetOptions options_;

 public:
  std::shared_ptr<nn::Sequential> model;
  nn::ParameterArena arena;
  WatchedObjective objective;
};

/// A problem under training by a named rule, with SGD unless told otherwise.
class Training {
 public:
  Training(const std::string& rule_name, const Settings& settings, NetOptions net = {},
           const std::string& optimizer = "sgd", double clip = 0.0)
      : problem(net),
        rule(built_in_rules().make(rule_name, settings, problem.arena)),
        base(make_base_optimizer(optimizer, {.weight_decay = 1e-3}, problem.arena)),
        step(problem.objective, *rule, *base, clip) {
    base->set_rate(0.05);
  }

  StepReport run_step() {
    const std::int64_t t = steps_++;
    return step.run(problem.batch(t), t);
  }
  void run_steps(int count) {
    while (count-- > 0) run_step();
  }
  std::vector<std::byte> weight_bits() const { return bits_of(problem.arena.home()); }
  std::int64_t steps_made() const { return steps_; }

  /// A step whose gradient goes to `g`, past TrainingStep.
  StepReport run_step_into(Tensor& g) {
    const Batch batch = problem.batch(steps_);
    problem.objective.begin_step(steps_++, batch.size(), base->rate());
    return rule->step(problem.objective, batch, *base, 0.0, g);
  }

  /// Everything that a checkpoint would hold.
  void visit_state(StateVisitor& visitor) {
    visitor.visit("weights", problem.arena.home());
    for (auto& [name, tensor] : problem.model->buffers()) visitor.visit(name, tensor);
    rule->visit_state(visitor);
    base->visit_state(visitor);
    visitor.visit("step", steps_);
  }

  NetProblem problem;
  std::unique_ptr<Rule> rule;
  std::unique_ptr<BaseOptimizer> base;
  TrainingStep step;

 private:
  std::int64_t steps_ = 0;
};

/// A checkpoint in memory.
class Memory {
 public:
  template <class T>
  void save(T& object) {
    Saver saver(*this);
    object.visit_state(saver);
  }
  template <class T>
  void load(T& object) {
    Loader loader(*this);
    object.visit_state(loader);
  }
  const std::map<std::string, Tensor>& tensors() const { return tensors_; }

 private:
  struct Saver : StateVisitor {
    explicit Saver(Memory& into) : memory(into) {}
    void visit(const std::string& name, Tensor& t) override { memory.tensors_[name] = t.clone(); }
    void visit(const std::string& name, double& x) override { memory.numbers_[name] = {x}; }
    void visit(const std::string& name, std::int64_t& n) override { memory.counts_[name] = n; }
    void visit(const std::string& name, std::vector<double>& x) override {
      memory.numbers_[name] = x;
    }
    Memory& memory;
  };
  struct Loader : StateVisitor {
    explicit Loader(Memory& from) : memory(from) {}
    void visit(const std::string& name, Tensor& t) override {
      t.copy_from(memory.tensors_.at(name));
    }
    void visit(const std::string& name, double& x) override { x = memory.numbers_.at(name).at(0); }
    void visit(const std::string& name, std::int64_t& n) override { n = memory.counts_.at(name); }
    void visit(const std::string& name, std::vector<double>& x) override {
      x = memory.numbers_.at(name);
    }
    Memory& memory;
  };

  std::map<std::string, Tensor> tensors_;
  std::map<std::string, std::vector<double>> numbers_;
  std::map<std::string, std::int64_t> counts_;
};

}  // namespace polder::optim
