#pragma once

#include <map>
#include <memory>
#include <optional>

#include "polder/kernels/cuda/convolution_plan.h"
#include "polder/kernels/cuda/plan_choices.h"
#include "polder/kernels/cuda/runtime.h"
#include "polder/kernels/cuda/workspace.h"

namespace polder::kernels::cuda {

/// Convolutions by cuDNN on one card. Each problem gets its plan when it is first met: cuDNN's
/// heuristics name engines; for a large problem the first few are timed once on the card, and the
/// choice is remembered beyond this run (plan_choices.h), because another engine would round
/// differently. Only engines that give the same bits every time are taken. For one host thread at a
/// time.
class Convolutions {
 public:
  Convolutions(Runtime& runtime, Workspace& workspace);
  ~Convolutions();

  /// Computes on the card's stream: `x`, `w` and `y` are the arrays of the problem or, for the one
  /// that its pass writes, where the gradient goes. False when cuDNN has no engine for the problem.
  /// Throws Error naming the problem.
  bool run(const ConvolutionProblem& problem, void* x, void* w, void* y);

 private:
  struct Library;
  void open_library();
  /// The plan of a problem, or nothing when there is no engine. Timed engines write the output.
  std::optional<ConvolutionPlan> choose(const ConvolutionProblem& problem, void* x, void* w,
                                        void* y);
  float time_of(const ConvolutionPlan& plan, void* x, void* w, void* y);

  Runtime& runtime_;
  Workspace& workspace_;
  std::unique_ptr<Library> library_;  // opened by the first convolution
  std::map<ConvolutionProblem, std::optional<ConvolutionPlan>> plans_;
};

}  // namespace polder::kernels::cuda
