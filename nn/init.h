#pragma once

#include <functional>
#include <string_view>

#include "polder/core/tensor.h"
#include "polder/nn/build.h"

/// How weights start. A scheme fills a tensor from a random key.
///
/// Fans of a weight [out, ..., in] (linear [out, in], convolution [out, Kh, Kw, in]):
///   fan_in = Kh Kw in,  fan_out = Kh Kw out  (of one group, and of all groups).
namespace polder::nn::init {

using Initialiser = std::function<void(Tensor& y, RandomKey key)>;

Initialiser zeros();
Initialiser ones();
/// Uniform in [low, high).
Initialiser uniform(double low, double high);
Initialiser normal(double mean, double deviation);
/// Normal given |x - mean| <= bound * deviation (before truncation): draws outside are drawn again.
Initialiser truncated_normal(double mean, double deviation, double bound = 2.0);

/// Variance gain^2 2 / (fan_in + fan_out): keeps the variance of signals and of gradients through a
/// layer with a symmetric activation. Uniform on (-a, a), a = gain sqrt(6 / (fan_in + fan_out)).
/// Source: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural
/// networks", AISTATS 2010, eq. 16. Throws Error on a shape without fans (rank < 2).
Initialiser xavier_uniform(double gain = 1.0);
Initialiser xavier_normal(double gain = 1.0);

enum class Fan { in, out };
inline constexpr double kRectifierGain = 1.4142135623730951;  // sqrt(2): half the signal survives

/// Variance gain^2 / fan: keeps the variance of signals (Fan::in) or of gradients (Fan::out)
/// through a rectified layer. Uniform on (-a, a), a = gain sqrt(3 / fan). Source: He, Zhang, Ren,
/// Sun, "Delving deep into rectifiers", ICCV 2015, arXiv 1502.01852, eqs. 10 and 14. Throws Error
/// on a shape without fans (rank < 2).
Initialiser kaiming_uniform(double gain = kRectifierGain, Fan fan = Fan::in);
Initialiser kaiming_normal(double gain = kRectifierGain, Fan fan = Fan::in);

/// A fresh tensor for a parameter of the layer being built.
Tensor draw(const Build& build, std::string_view parameter, const Shape& shape,
            const Initialiser& scheme);

}  // namespace polder::nn::init
