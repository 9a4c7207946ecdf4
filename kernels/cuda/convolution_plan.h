#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "polder/kernels/cuda/convolution_problem.h"
#include "polder/kernels/cuda/cudnn_descriptor.h"

namespace polder::kernels::cuda {

/// What plans are made for: the card behind a handle, or a described card that need not be here.
class PlanTarget {
 public:
  explicit PlanTarget(cudnnHandle_t handle) : card_(handle) {}
  /// A description that `description()` gave, perhaps on another machine.
  static PlanTarget described(const std::string& json);

  /// The properties of the card as cuDNN writes them (JSON).
  std::string description() const;

  void bind_graph(Descriptor& graph) const;
  void bind_heuristics(Descriptor& heuristics) const;
  void bind_plan(Descriptor& plan) const;

 private:
  explicit PlanTarget(Descriptor properties) : card_(std::move(properties)) {}

  std::variant<cudnnHandle_t, Descriptor> card_;
};

/// One way to compute a convolution: an engine of cuDNN with its knobs set.
struct Engine {
  std::string name;  // "17 2=0 13=4": number and knobs, the same in every run
  Descriptor config;
  bool compiled_at_runtime = false;
};

/// The ways that cuDNN knows to compute `problem` on the target, its first choice first, without
/// those that are not reproducible or round more than the problem allows. Empty when there is none.
std::vector<Engine> engines_of(const ConvolutionProblem& problem, const PlanTarget& target);

/// An engine made ready to run.
class ConvolutionPlan {
 public:
  /// The plan, or nothing when the engine declines this problem on this target.
  static std::optional<ConvolutionPlan> of(const Engine& engine, const PlanTarget& target);

  std::size_t workspace_bytes() const { return workspace_bytes_; }
  /// Computes on the handle's stream. `x`, `w` and `y` are addresses on the card: the arrays of the
  /// problem, or their gradients.
  void run(cudnnHandle_t handle, void* x, void* w, void* y, void* workspace) const;

 private:
  explicit ConvolutionPlan(Descriptor plan);

  Descriptor plan_;
  std::size_t workspace_bytes_ = 0;
};

}  // namespace polder::kernels::cuda
