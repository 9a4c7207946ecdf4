#pragma once

#include <array>
#include <memory>
#include <vector>

#include "polder/nn/module.h"
#include "polder/optim/model_objective.h"

namespace polder::app {

using Point = std::array<double, 2>;

/// The smallest network that has sharp and flat minima: logit z = a b x of one feature x, two
/// classes, cross-entropy. The loss depends on the product a b alone, so its minima lie on a
/// hyperbola a b = p; the Hessian there is L''(p) (b, a)^T (b, a), whose one eigenvalue
/// L''(p) (a^2 + b^2) is smallest where a = b. A plain gradient step barely moves along the
/// hyperbola (for small rates a^2 - b^2 is conserved); a sharpness-aware one slides to a = b.
///
/// a is a weight and b the scale of a norm, for rules that tell them apart. Everything is float64.
class ProductNet final : public nn::Module {
 public:
  explicit ProductNet(Point start);
  /// x [n, 1] -> logits [n, 2] = (-z / 2, z / 2).
  nn::Variable forward(const nn::Variable& x, nn::Pass& pass) override;

 private:
  nn::Variable a_, b_;
  Tensor halves_;
};

/// The samples: x normal, labels from a logistic model, so that some are "wrong" and the best
/// product p is finite.
class ProductData {
 public:
  static constexpr std::int64_t kSamples = 64, kRows = 16, kStepsPerEpoch = kSamples / kRows;

  explicit ProductData(std::uint64_t seed);
  /// The batch of step t: every epoch is a new order of all samples.
  Batch batch(std::int64_t step) const;
  /// A batch of samples that are not trained on.
  Batch validation(std::int64_t number) const;
  /// These samples, in this order.
  Batch rows(const std::vector<std::int64_t>& indices) const;
  /// Mean loss of all samples at w, in closed form: the landscape.
  double loss(Point w) const;
  /// The product at which it is least.
  double best_product() const;

 private:
  std::uint64_t seed_;
  std::vector<double> x_;
  std::vector<std::int64_t> labels_;
};

}  // namespace polder::app
