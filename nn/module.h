#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "polder/autograd/variable.h"
#include "polder/core/random.h"
#include "polder/nn/build.h"

namespace polder::nn {

using autograd::Variable;

/// What a segment of the weights is for; rules and decay treat kinds differently.
enum class SegmentKind { weight, bias, norm_scale, norm_shift, embedding };
std::string_view to_string(SegmentKind kind);

struct ConvolutionSizes;

/// One pass through a model: how it runs and which random masks it meets.
/// The same (seed, step) replays the same masks, layer by layer.
struct Pass {
  bool training = true;         // batch statistics and dropout; false: running statistics, none
  bool dropout = true;          // false switches masks off while training
  bool move_statistics = true;  // running batch-norm statistics move in this pass
  std::optional<double> statistics_momentum{};  // how far, instead of each layer's own momentum
  RandomKey masks{};  // step's key; each masking layer takes the next stream of it
  Tensor row_ids{};   // int64 [rows]: which rows of the whole batch these are, or none
  std::uint32_t layers_masked = 0;
  std::vector<ConvolutionSizes>* convolutions = nullptr;  // takes down what each Conv2d computes

  /// Key of the next masking layer in this pass, in forward order.
  RandomKey next_mask();
};

/// A trainable leaf with its name inside the module and its kind.
struct Parameter {
  std::string name;
  SegmentKind kind = SegmentKind::weight;
  Variable variable;
};

/// A tensor that is state but not trained (running statistics).
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// A differentiable function with weights: layers, blocks, models.
class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  virtual Variable forward(const Variable& x, Pass& pass) = 0;

  /// Own, then nested parameters and buffers, in registration order, names joined by dots. A module
  /// reached by two ways is listed once, under the first.
  std::vector<Parameter> parameters() const;
  std::vector<NamedTensor> buffers() const;

 protected:
  /// Each throws Error when the name is empty, holds a dot or is taken in this module.
  Variable add_parameter(std::string name, SegmentKind kind, Tensor initial);
  Tensor add_buffer(std::string name, Tensor initial);
  template <class M>
  std::shared_ptr<M> add_module(const std::string& name, std::shared_ptr<M> module) {
    add_child(name, module);
    return module;
  }
  /// Makes a nested layer M(build.in(name), args...): what it is called here is what keys its
  /// initial weights.
  template <class M, class... Args>
  std::shared_ptr<M> make(const Build& build, const std::string& name, Args&&... args) {
    return add_module(name, std::make_shared<M>(build.in(name), std::forward<Args>(args)...));
  }

 private:
  friend class ParameterArena;

  void add_child(std::string name, std::shared_ptr<Module> module);
  void require_free(const std::string& name) const;
  template <class F>
  void visit(const F& f) const;
  /// Marks this module and the nested ones as held by a living arena. Throws Error when one is
  /// held.
  void claim(const std::shared_ptr<const void>& arena) const;

  std::vector<Parameter> parameters_;
  std::vector<NamedTensor> buffers_;
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> children_;
  /// Alive while a ParameterArena holds this module's weights.
  mutable std::weak_ptr<const void> arena_;
};

using ModulePtr = std::shared_ptr<Module>;

}  // namespace polder::nn
