#include "polder/optim/trajectory_loss.h"

#include <gtest/gtest.h>

#include "optim/quadratic.h"
#include "optim/support.h"

namespace polder::optim {
namespace {

constexpr std::size_t kRows = 4, kClasses = 5;
constexpr double kTau = 1.7, kLambda = 0.6;

Vector softened(const Vector& z, std::size_t row) {
  Vector p(kClasses);
  double sum = 0.0;
  for (std::size_t c = 0; c < kClasses; ++c) sum += p[c] = std::exp(z[row * kClasses + c] / kTau);
  for (double& value : p) value /= sum;
  return p;
}

TEST(TrajectoryLoss, IsTheDivergenceOfSoftenedOutputs) {
  const Vector z = random_vector(20, "z", 1), y = random_vector(20, "y", 1);
  const autograd::Variable outputs(Tensor::from(z, {4, 5}), true);
  const autograd::Variable losses =
      trajectory_loss(outputs, Tensor::from(y, {4, 5}), kTau, kLambda);
  const Vector values = losses.value().to_vector<double>();
  const Vector slopes = autograd::grad({losses}, {outputs})[0].value().to_vector<double>();
  for (std::size_t row = 0; row < kRows; ++row) {
    const Vector now = softened(z, row), then = softened(y, row);
    double divergence = 0.0;
    for (std::size_t c = 0; c < kClasses; ++c) {
      divergence += then[c] * std::log(then[c] / now[c]);
      EXPECT_NEAR(slopes[row * kClasses + c], kLambda * kTau * (now[c] - then[c]), 1e-13);
    }
    EXPECT_GT(divergence, 0.0);
    EXPECT_NEAR(values[row], kLambda * kTau * kTau * divergence, 1e-13);
  }
}

TEST(TrajectoryLoss, RefusesOtherShapes) {
  const autograd::Variable outputs(Tensor::zeros({4, 5}, DType::float64), true);
  EXPECT_EQ(error_of([&] {
              trajectory_loss(outputs, Tensor::zeros({4, 6}, DType::float64), kTau, kLambda);
            }),
            "trajectory_loss: outputs [4, 5] and recorded ones [4, 6], want the same rows of "
            "classes");
}

}  // namespace
}  // namespace polder::optim
