#include "polder/app/explain/problem.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "polder/autograd/functions.h"
#include "polder/core/random.h"

namespace polder::app {
namespace {

constexpr double kSteepness = 1.5;  // of the logistic model behind the labels

/// x and label of sample i of a stream.
std::pair<double, std::int64_t> sample(std::uint64_t seed, const char* stream, std::int64_t i) {
  const RandomKey key = random_key(seed, stream);
  const auto at = static_cast<std::uint64_t>(i);
  const double x = 1.5 * normal(key, 2 * at), u = uniform(key, 2 * at + 1);
  return {x, u < 1.0 / (1.0 + std::exp(-kSteepness * x)) ? 1 : 0};
}

Batch batch_of(const std::vector<double>& x, const std::vector<std::int64_t>& labels) {
  const auto n = static_cast<std::int64_t>(x.size());
  return {.inputs = Tensor::from(x, {n, 1}), .targets = Tensor::from(labels, {n})};
}

}  // namespace

ProductNet::ProductNet(Point start)
    : a_(add_parameter("a", nn::SegmentKind::weight,
                       Tensor::from(std::vector<double>{start[0]}, {1, 1}))),
      b_(add_parameter("b", nn::SegmentKind::norm_scale,
                       Tensor::from(std::vector<double>{start[1]}, {1, 1}))),
      halves_(Tensor::from(std::vector<double>{-0.5, 0.5}, {1, 2})) {}

nn::Variable ProductNet::forward(const nn::Variable& x, nn::Pass&) {
  const nn::Variable product = autograd::matmul(a_, b_);
  return autograd::matmul(autograd::matmul(x, product), nn::Variable(halves_));
}

ProductData::ProductData(std::uint64_t seed) : seed_(seed) {
  for (std::int64_t i = 0; i < kSamples; ++i) {
    const auto [x, label] = sample(seed, "explain/samples", i);
    x_.push_back(x);
    labels_.push_back(label);
  }
}

Batch ProductData::rows(const std::vector<std::int64_t>& indices) const {
  std::vector<double> x;
  std::vector<std::int64_t> labels;
  for (const std::int64_t i : indices) {
    x.push_back(x_[static_cast<std::size_t>(i)]);
    labels.push_back(labels_[static_cast<std::size_t>(i)]);
  }
  Batch batch = batch_of(x, labels);
  batch.indices = Tensor::from(indices, {batch.size()});
  return batch;
}

Batch ProductData::batch(std::int64_t step) const {
  std::vector<std::int64_t> order(kSamples);
  std::iota(order.begin(), order.end(), 0);
  const RandomKey key =
      random_key(seed_, "explain/order", static_cast<std::uint32_t>(step / kStepsPerEpoch));
  for (std::int64_t i = kSamples - 1; i > 0; --i)
    std::swap(order[static_cast<std::size_t>(i)],
              order[below(key, static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(i + 1))]);
  const auto first = order.begin() + step % kStepsPerEpoch * kRows;
  return rows({first, first + kRows});
}

Batch ProductData::validation(std::int64_t number) const {
  std::vector<double> x;
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < kRows; ++i) {
    const auto [value, label] = sample(seed_, "explain/validation", number * kRows + i);
    x.push_back(value);
    labels.push_back(label);
  }
  return batch_of(x, labels);
}

double ProductData::loss(Point w) const {
  double sum = 0;
  for (std::size_t i = 0; i < x_.size(); ++i) {
    const double z = w[0] * w[1] * x_[i] * (labels_[i] == 1 ? 1.0 : -1.0);
    sum += z > 0 ? std::log1p(std::exp(-z)) : std::log1p(std::exp(z)) - z;
  }
  return sum / static_cast<double>(x_.size());
}

double ProductData::best_product() const {
  double low = 0, high = 20;  // the loss is convex in the product
  for (int i = 0; i < 100; ++i) {
    const double left = low + (high - low) / 3, right = high - (high - low) / 3;
    if (loss({left, 1}) < loss({right, 1}))
      high = right;
    else
      low = left;
  }
  return (low + high) / 2;
}

}  // namespace polder::app
