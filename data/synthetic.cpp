#include "polder/data/synthetic.h"

#include <cmath>
#include <numbers>
#include <numeric>

#include "polder/core/error.h"
#include "polder/core/random.h"

namespace polder::data {
namespace {

/// k of the formulas: a' = -k a.
double decay(const Valley& valley) { return 0.5 * std::log(valley.sharp / valley.flat); }

double curvature_across(const Valley& valley, double x) {
  return std::sqrt(valley.sharp * valley.flat) * std::exp(-decay(valley) * x);
}

double squared_norm(std::span<const double> y) {
  return std::inner_product(y.begin(), y.end(), y.begin(), 0.0);
}

void check_length(const Valley& valley, std::size_t length, const char* what) {
  require(static_cast<std::int64_t>(length) == valley.dimension && length >= 2,
          "valley: {} of length {}, {} (at least 2) wanted", what, length, valley.dimension);
}

}  // namespace

FloatSet spirals(const SpiralOptions& options) {
  require(options.arms >= 1 && options.samples >= options.arms && options.noise >= 0,
          "spirals: {} samples on {} arms with noise {}", options.samples, options.arms,
          options.noise);
  const RandomKey radius_key = random_key(options.seed, "spirals/radius");
  const RandomKey noise_key = random_key(options.seed, "spirals/noise");
  std::vector<float> values;
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < options.samples; ++i) {
    const auto position = static_cast<std::uint64_t>(i);
    const std::int64_t arm = i % options.arms;
    const double radius = uniform(radius_key, position);
    const double turn = static_cast<double>(arm) / static_cast<double>(options.arms);
    const double angle = 2 * std::numbers::pi * (options.turns * radius + turn);
    const double x = radius * std::cos(angle) + options.noise * normal(noise_key, 2 * position);
    const double y = radius * std::sin(angle) + options.noise * normal(noise_key, 2 * position + 1);
    values.push_back(static_cast<float>(x));
    values.push_back(static_cast<float>(y));
    labels.push_back(arm);
  }
  return {"spirals", Shape{2}, std::move(values), std::move(labels), options.arms};
}

double Valley::escape_radius() const {
  const double slope = 8 * barrier / (3 * std::numbers::sqrt3);
  return std::sqrt(2 * slope / (decay(*this) * std::sqrt(sharp * flat)));
}

double valley_loss(const Valley& valley, std::span<const double> w, std::span<const float> noise) {
  check_length(valley, w.size(), "weights");
  const double x = w[0], well = x * x - 1;
  double loss =
      valley.barrier * well * well + 0.5 * curvature_across(valley, x) * squared_norm(w.subspan(1));
  if (noise.empty()) return loss;
  check_length(valley, noise.size(), "noise");
  for (std::size_t i = 0; i < w.size(); ++i) loss += noise[i] * w[i];
  return loss;
}

void valley_gradient(const Valley& valley, std::span<const double> w, std::span<const float> noise,
                     std::span<double> gradient) {
  check_length(valley, w.size(), "weights");
  check_length(valley, gradient.size(), "gradient");
  const double x = w[0], across = curvature_across(valley, x);
  gradient[0] = 4 * valley.barrier * x * (x * x - 1) -
                0.5 * decay(valley) * across * squared_norm(w.subspan(1));
  for (std::size_t i = 1; i < w.size(); ++i) gradient[i] = across * w[i];
  if (noise.empty()) return;
  check_length(valley, noise.size(), "noise");
  for (std::size_t i = 0; i < w.size(); ++i) gradient[i] += noise[i];
}

void valley_hessian_product(const Valley& valley, std::span<const double> w,
                            std::span<const double> v, std::span<double> product) {
  check_length(valley, w.size(), "weights");
  check_length(valley, v.size(), "vector");
  check_length(valley, product.size(), "product");
  const double x = w[0], across = curvature_across(valley, x), k = decay(valley);
  const double along =
      4 * valley.barrier * (3 * x * x - 1) + 0.5 * k * k * across * squared_norm(w.subspan(1));
  product[0] = along * v[0];
  for (std::size_t i = 1; i < w.size(); ++i) {
    product[0] -= k * across * w[i] * v[i];
    product[i] = across * (v[i] - k * w[i] * v[0]);
  }
}

FloatSet valley_samples(const Valley& valley, std::int64_t samples, double noise,
                        std::uint64_t seed) {
  require(
      valley.dimension >= 2 && valley.barrier > 0 && valley.flat > 0 && valley.sharp > valley.flat,
      "valley: dimension {}, barrier {}, sharp {}, flat {}: at least 2, above 0, sharp > flat > "
      "0 wanted",
      valley.dimension, valley.barrier, valley.sharp, valley.flat);
  require(samples >= 2 && samples % 2 == 0 && noise >= 0,
          "valley: {} samples with noise {}, an even number and at least 0 wanted", samples, noise);
  const auto width = static_cast<std::size_t>(valley.dimension);
  const RandomKey key = random_key(seed, "valley/noise");
  std::vector<float> values(static_cast<std::size_t>(samples) * width);
  for (std::size_t pair = 0; pair < values.size() / (2 * width); ++pair)
    for (std::size_t j = 0; j < width; ++j) {
      const auto z = static_cast<float>(noise * normal(key, pair * width + j));
      values[2 * pair * width + j] = z;
      values[(2 * pair + 1) * width + j] = -z;
    }
  return {"valley", Shape{valley.dimension}, std::move(values),
          std::vector<std::int64_t>(static_cast<std::size_t>(samples), 0), 1};
}

}  // namespace polder::data
