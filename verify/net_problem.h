#pragma once

#include <memory>
#include <string>
#include <vector>

#include "polder/nn/sequential.h"
#include "polder/optim/model_objective.h"

namespace polder::verify {

struct NetOptions {
  DType dtype = DType::float32;
  bool batch_norm = true;
  bool layer_norm = false;
  double dropout = 0.3;
  std::int64_t width = 17;
  std::uint64_t seed = 1;
  std::string activation = "relu";
  double loss_factor = 1.0;  // 0: every gradient is zero
  int second_head = 0;       // 1: a head that only odd passes use, 2: only even ones
  Device device = kCpu;
  nn::Compute compute = nn::Compute::own;
};

/// A model's objective that keeps a diary of its passes and can fail in one of them.
class WatchedObjective : public optim::ModelObjective {
 public:
  using ModelObjective::ModelObjective;

  struct SeenPass {
    bool at_home = false;
    bool moved_statistics = false;
    bool copy_is_rounded = true;  // what layers read in bfloat16 is what the arena holds, rounded
  };
  std::vector<SeenPass> diary;
  int fail_at = -1;  // throws PassFailed in the pass that would be diary[fail_at]

 protected:
  Tensor add_gradient(const Batch& rows, const optim::RowWeights& seeds_of, PassPlan plan,
                      Tensor& g) override;
  Tensor per_sample_losses(const Batch& rows, PassPlan plan) override;
  Tensor outputs_of(const Batch& rows, PassPlan plan) override;
  void add_hessian_product(const Batch& rows, double weight, PassPlan plan, const Tensor& v,
                           Tensor& out) override;

 private:
  void enter(const PassPlan& plan);
};

/// What a pass throws that was made to fail.
class PassFailed : public std::runtime_error {
 public:
  PassFailed() : std::runtime_error("the pass failed") {}
};

/// Classification of random points by a small network with everything that can go wrong: batch
/// norm, dropout, odd sizes. Float32 or float64, any device, a fresh batch for each step: 39
/// samples, 3 steps an epoch. The points of a sample differ from epoch to epoch, as if augmented.
/// Everything is a function of the seed; validation batches are a function of the step too.
class NetProblem {
 public:
  static constexpr std::int64_t kInputs = 6, kClasses = 5;
  static constexpr std::int64_t kRows = 13, kStepsPerEpoch = 3, kSamples = kRows * kStepsPerEpoch;
  static inline const optim::Course kCourse{
      .steps = 30, .steps_per_epoch = kStepsPerEpoch, .rate_min = 0.01, .rate_max = 0.05};

  explicit NetProblem(const NetOptions& options = {});
  NetProblem(const NetProblem&) = delete;
  NetProblem& operator=(const NetProblem&) = delete;

  Batch batch(std::int64_t step, std::int64_t rows = kRows) const;

 private:
  Batch draw(const std::string& stream, std::int64_t number, std::int64_t rows) const;

  NetOptions options_;

 public:
  std::shared_ptr<nn::Sequential> model;
  nn::ParameterArena arena;
  WatchedObjective objective;
};

}  // namespace polder::verify
