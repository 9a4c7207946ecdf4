#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "polder/core/tensor.h"

namespace polder::autograd {

class Variable;
using Variables = std::vector<Variable>;

/// Which inputs of a function want a gradient in this backward pass.
using Needs = std::vector<bool>;

/// The gradient of a function y = f(inputs): from y and dy, one Variable per input, undefined where
/// none is needed or none exists. It is written with differentiable functions, so that the gradient
/// of the gradient exists too; when `recording()` is false it may use a fused kernel instead.
/// It captures its inputs and saved tensors, nothing else: y arrives as an argument, because a
/// record that held its own result would never be released.
using GradientFunction =
    std::function<Variables(const Variable& y, const Variable& dy, const Needs& needs)>;

/// A value and the record of how it came to be. A cheap handle on a shared node.
class Variable {
 public:
  Variable() = default;
  /// A leaf. With `requires_grad`, gradients can be asked for with respect to it.
  explicit Variable(Tensor value, bool requires_grad = false);

  /// The result of a function. The record is kept only when recording() and some input requires a
  /// gradient; otherwise a plain leaf comes back and `gradient` is dropped.
  static Variable result(Tensor value, Variables inputs, GradientFunction gradient);

  bool defined() const { return node_ != nullptr; }
  const Tensor& value() const;
  const Shape& shape() const { return value().shape(); }
  std::int64_t size(int axis) const { return value().size(axis); }
  int rank() const { return value().rank(); }
  DType dtype() const { return value().dtype(); }
  Device device() const { return value().device(); }

  bool requires_grad() const;
  bool is_leaf() const;
  /// Points a leaf at other memory of the same shape, dtype and device: how an arena switches
  /// buffers. Records made from the old memory are stale: grad through them throws Error.
  void rebind(Tensor value);
  /// The same where the element type may differ: how an arena switches precision.
  void rebind_as(Tensor value);
  /// Where a leaf points, and since when. Going back to a binding makes the records of its time
  /// valid again.
  struct Binding {
    Tensor value;
    std::uint64_t stamp = 0;
  };
  Binding binding() const;
  void rebind(const Binding& binding);
  /// Same value, no history.
  Variable detach() const;

  struct Node;
  const std::shared_ptr<Node>& node() const { return node_; }

 private:
  std::shared_ptr<Node> node_;
};

/// True when functions record their gradients on this thread (the default).
bool recording();

/// While it lives, functions on this thread record nothing (or, with `true`, record again).
class RecordingGuard {
 public:
  explicit RecordingGuard(bool record);
  ~RecordingGuard();
  RecordingGuard(const RecordingGuard&) = delete;
  RecordingGuard& operator=(const RecordingGuard&) = delete;

 private:
  bool before_;
};

struct GradOptions {
  bool create_graph = false;  // record the gradient itself: gradients of any order
  bool retain_graph = false;  // keep the record for a second pass (implied by create_graph)
};

/// Gradients of sum_k <seeds_k, outputs_k> with respect to `inputs`, in their order. Seeds default
/// to ones. An input that no output depends on gives an undefined Variable.
/// Without create_graph the pass uses fused kernels and frees activations as it goes. Only paths
/// that lead to `inputs` are walked, in a fixed order. Results may share memory: never write to
/// one. Throws Error when an output has no record (its message says why), or the record was freed
/// or went stale.
Variables grad(const Variables& outputs, const Variables& inputs, const Variables& seeds = {},
               GradOptions options = {});

}  // namespace polder::autograd
