#pragma once

#include <memory>

#include "polder/nn/sequential.h"
#include "polder/optim/model_objective.h"

namespace polder::verify {

/// Classification of random images by a small network in which every family of kernels works; the
/// same numbers on every device. 12 rows a batch, 3 batches an epoch.
class ImageProblem {
 public:
  static constexpr std::int64_t kRows = 12, kClasses = 4, kSamples = 36;

  explicit ImageProblem(Device device, DType dtype = DType::float32, double dropout = 0.2,
                        nn::Compute compute = nn::Compute::own);
  ImageProblem(const ImageProblem&) = delete;
  ImageProblem& operator=(const ImageProblem&) = delete;

  /// The images of a step, a function of the step alone.
  Batch batch(std::int64_t step, std::int64_t rows = kRows) const;

 private:
  std::shared_ptr<nn::Sequential> make_model(double dropout) const;

  Device device_;
  DType dtype_;
  std::int64_t drawn_ = 0;

 public:
  std::shared_ptr<nn::Sequential> model;
  nn::ParameterArena arena;
  optim::ModelObjective objective;
};

}  // namespace polder::verify
