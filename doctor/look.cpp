#include "polder/doctor/look.h"

#include <cmath>

namespace polder::doctor {

namespace {

/// f(position in the flat arrays, segment, position among the weights, T) for every weight.
template <class F>
void for_each_weight(const std::vector<double>& home, kernels::Metric metric,
                     const nn::ParameterArena& arena, const F& f) {
  const auto marks = arena.table().adaptive.to_vector<std::int64_t>();
  std::size_t at = 0;
  for (std::size_t s = 0; s < arena.segments().size(); ++s) {
    const nn::Segment& segment = arena.segments()[s];
    const bool adaptive = metric.adaptive && (metric.everywhere || marks[s] != 0);
    for (std::int64_t i = 0; i < segment.shape.numel(); ++i, ++at)
      f(static_cast<std::size_t>(segment.offset + i), s, at,
        adaptive ? std::abs(home[at]) + metric.xi : 1.0);
  }
}

}  // namespace

std::vector<double> numbers(const Tensor& tensor) {
  if (tensor.dtype() == DType::float64) return tensor.to_vector<double>();
  Tensor wide = Tensor::empty(tensor.shape(), DType::float64, tensor.device());
  kernels::backend_of(tensor).cast(tensor, wide);
  return wide.to_vector<double>();
}

std::vector<double> weights_read(const nn::ParameterArena& arena) {
  std::vector<double> weights;
  weights.reserve(static_cast<std::size_t>(arena.weight_count()));
  for (const nn::Segment& segment : arena.segments()) {
    const std::vector<double> part = numbers(segment.variable.value());
    weights.insert(weights.end(), part.begin(), part.end());
  }
  return weights;
}

std::vector<double> displacement_asked(const optim::Excursion& excursion,
                                       const std::vector<double>& home,
                                       const nn::ParameterArena& arena) {
  if (excursion.walked()) return {};
  const optim::Ascent& ascent = excursion.ascent();
  const std::vector<double> direction = numbers(ascent.direction), scale = numbers(ascent.scale);
  std::vector<double> epsilon(home.size());
  for_each_weight(home, ascent.metric, arena,
                  [&](std::size_t flat, std::size_t segment, std::size_t at, double t) {
                    epsilon[at] = scale[scale.size() == 1 ? 0 : segment] * t * t * direction[flat];
                  });
  return epsilon;
}

double distance(const std::vector<double>& home, const std::vector<double>& epsilon,
                kernels::Metric metric, const nn::ParameterArena& arena) {
  double square = 0.0;
  for_each_weight(home, metric, arena, [&](std::size_t, std::size_t, std::size_t at, double t) {
    if (t != 0.0) square += epsilon[at] / t * (epsilon[at] / t);
  });
  return std::sqrt(square);
}

}  // namespace polder::doctor
