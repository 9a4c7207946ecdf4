#include "polder/nn/init.h"

#include <cmath>

#include "polder/kernels/backend.h"

namespace polder::nn::init {
namespace {

struct Fans {
  double in, out;
};

Fans fans_of(const Shape& shape, std::string_view scheme) {
  require(shape.rank() >= 2 && shape.numel() > 0,
          "{}: shape {} has no fans, wanted [out, in] or [out, Kh, Kw, in]", scheme, shape);
  const auto numel = static_cast<double>(shape.numel());
  return {numel / static_cast<double>(shape[0]), numel / static_cast<double>(shape[-1])};
}

void fill_uniform(Tensor& y, RandomKey key, double low, double high) {
  kernels::backend_of(y).random_uniform(key, low, high, y);
}

void fill_normal(Tensor& y, RandomKey key, double mean, double deviation) {
  kernels::backend_of(y).random_normal(key, mean, deviation, y);
}

/// Element `index`, drawn again from the next step's numbers until it lies within the bound.
double bounded_normal(RandomKey key, std::uint64_t index, double bound) {
  for (;; ++key.step) {
    const double draw = polder::normal(key, index);
    if (std::abs(draw) <= bound) return draw;
  }
}

}  // namespace

Initialiser zeros() {
  return [](Tensor& y, RandomKey) { kernels::backend_of(y).fill(0.0, y); };
}

Initialiser ones() {
  return [](Tensor& y, RandomKey) { kernels::backend_of(y).fill(1.0, y); };
}

Initialiser uniform(double low, double high) {
  return [=](Tensor& y, RandomKey key) { fill_uniform(y, key, low, high); };
}

Initialiser normal(double mean, double deviation) {
  return [=](Tensor& y, RandomKey key) { fill_normal(y, key, mean, deviation); };
}

Initialiser truncated_normal(double mean, double deviation, double bound) {
  require(bound > 0.0, "truncated_normal: bound {}, wanted a positive number", bound);
  return [=](Tensor& y, RandomKey key) {
    std::vector<double> values(static_cast<std::size_t>(y.numel()));
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = mean + deviation * bounded_normal(key, i, bound);
    kernels::backend_of(y).cast(Tensor::from(values, y.shape(), y.device()), y);
  };
}

Initialiser xavier_uniform(double gain) {
  return [=](Tensor& y, RandomKey key) {
    const Fans fans = fans_of(y.shape(), "xavier_uniform");
    const double bound = gain * std::sqrt(6.0 / (fans.in + fans.out));
    fill_uniform(y, key, -bound, bound);
  };
}

Initialiser xavier_normal(double gain) {
  return [=](Tensor& y, RandomKey key) {
    const Fans fans = fans_of(y.shape(), "xavier_normal");
    fill_normal(y, key, 0.0, gain * std::sqrt(2.0 / (fans.in + fans.out)));
  };
}

Initialiser kaiming_uniform(double gain, Fan fan) {
  return [=](Tensor& y, RandomKey key) {
    const Fans fans = fans_of(y.shape(), "kaiming_uniform");
    const double bound = gain * std::sqrt(3.0 / (fan == Fan::in ? fans.in : fans.out));
    fill_uniform(y, key, -bound, bound);
  };
}

Initialiser kaiming_normal(double gain, Fan fan) {
  return [=](Tensor& y, RandomKey key) {
    const Fans fans = fans_of(y.shape(), "kaiming_normal");
    fill_normal(y, key, 0.0, gain / std::sqrt(fan == Fan::in ? fans.in : fans.out));
  };
}

Tensor draw(const Build& build, std::string_view parameter, const Shape& shape,
            const Initialiser& scheme) {
  Tensor values = Tensor::empty(shape, build.dtype, build.device);
  scheme(values, build.key(parameter));
  return values;
}

}  // namespace polder::nn::init
