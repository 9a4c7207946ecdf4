#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

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

namespace polder::optim {

/// The sentence of the Error that f throws.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

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
};

/// A small network with everything that can go wrong: batch norm, dropout, odd sizes.
inline std::shared_ptr<nn::Sequential> small_net(const NetOptions& options) {
  const nn::Build build{.seed = options.seed, .dtype = options.dtype};
  auto net = std::make_shared<nn::Sequential>(build);
  net->add<nn::Linear>("fc1", 6, options.width);
  if (options.batch_norm) net->add<nn::BatchNorm>("bn1", options.width);
  net->add<nn::Activation>("act1", "relu");
  net->add<nn::Dropout>("drop1", options.dropout);
  net->add<nn::Linear>("fc2", options.width, 5);
  return net;
}

/// Classification of random points, float32 or float64, a fresh batch for each step.
class NetProblem {
 public:
  explicit NetProblem(NetOptions options = {})
      : options_(options),
        model(small_net(options)),
        arena(*model),
        objective(*model, arena, cross_entropy_loss(0.1), options.seed) {}

  Batch batch(std::int64_t step, std::int64_t rows = 13) const {
    const RandomKey key = random_key(options_.seed, "batch", static_cast<std::uint32_t>(step));
    std::vector<double> inputs;
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < rows * 6; ++i)
      inputs.push_back(normal(key, static_cast<std::uint64_t>(i)));
    for (std::int64_t i = 0; i < rows; ++i)
      labels.push_back(static_cast<std::int64_t>(
          below(random_key(options_.seed, "labels", static_cast<std::uint32_t>(step)),
                static_cast<std::uint64_t>(i), 5)));
    const Tensor exact = Tensor::from(inputs, {rows, 6});
    Batch batch{.inputs = Tensor::empty({rows, 6}, options_.dtype),
                .targets = Tensor::from(labels, {rows})};
    kernels::backend_of(exact).cast(exact, batch.inputs);
    return batch;
  }

 private:
  NetOptions options_;

 public:
  std::shared_ptr<nn::Sequential> model;
  nn::ParameterArena arena;
  ModelObjective objective;
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
