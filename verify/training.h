#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "polder/optim/registry.h"
#include "polder/optim/training_step.h"
#include "polder/verify/net_problem.h"

namespace polder::verify {

/// The bytes of a tensor, read to the host.
std::vector<std::byte> bits_of(const Tensor& tensor);
/// Its elements in float64, padding included.
std::vector<double> values_of(const Tensor& tensor);

/// The small net under training by a rule, with SGD unless told otherwise.
class Training {
 public:
  Training(const optim::RuleEntry& entry, const optim::Settings& settings,
           const NetOptions& net = {}, const std::string& optimizer = "sgd", double clip = 0.0);

  optim::StepReport run_step();
  void run_steps(int count) {
    while (count-- > 0) run_step();
  }
  /// A step whose gradient goes to `g`, past TrainingStep.
  optim::StepReport run_step_into(Tensor& g);

  std::vector<std::byte> weight_bits() const { return bits_of(problem.arena.home()); }
  /// Of the weights, and of their average where the rule keeps one.
  std::vector<std::byte> result_bits();
  std::int64_t steps_made() const { return steps_; }
  /// Everything that a checkpoint would hold.
  void visit_state(StateVisitor& visitor);

  NetProblem problem;
  std::unique_ptr<optim::Rule> rule;
  std::unique_ptr<optim::BaseOptimizer> base;
  optim::TrainingStep step;

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

}  // namespace polder::verify
