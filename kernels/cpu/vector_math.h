#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

/// exp, log, tanh, sigmoid, erf and erfc for loops over float32: without branches or calls, so that
/// the compiler turns a loop into vector code, and an element's result does not depend on its
/// place in the array. Error: a few units in the last place; infinities and NaN as in <cmath>.
/// For float64, which checks and oracles use, they are the functions of <cmath>.
namespace polder::kernels::cpu::vector_math {

inline double exp(double x) { return std::exp(x); }
inline double log(double x) { return std::log(x); }
inline double tanh(double x) { return std::tanh(x); }
inline double erf(double x) { return std::erf(x); }
inline double erfc(double x) { return std::erfc(x); }

/// 2^n for n in [-126, 127].
inline float power_of_two(std::int32_t n) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(n + 127) << 23);
}

/// exp(x) = 2^n (1 + q), |log 2^n - x| <= log(2) / 2.
struct SplitExponential {
  std::int32_t n;
  float q;
};

/// |x| < 2^20.
inline SplitExponential split_exponential(float x) {
  // Adding 1.5 * 2^23 leaves the nearest integer in the low bits.
  constexpr float kRounder = 0x1.8p23F;
  const float shifted = x * 0x1.715476p+0F + kRounder;
  const float n = shifted - kRounder;
  // log 2 in two parts; n times the first, a short one, is exact.
  const float r = (x - n * 0x1.62e4p-1F) - n * 0x1.7f7d1cp-20F;
  // Taylor: the next term is 5e-9 of r at the ends.
  float q = 1.0F / 5040;
  q = q * r + 1.0F / 720;
  q = q * r + 1.0F / 120;
  q = q * r + 1.0F / 24;
  q = q * r + 1.0F / 6;
  q = q * r + 1.0F / 2;
  return {static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(shifted) -
                                    std::bit_cast<std::uint32_t>(kRounder)),
          q * r * r + r};
}

inline float exp(float x) {
  // Beyond these the result is 0 or infinite; comparisons are written to let NaN through.
  float bounded = x < -104.0F ? -104.0F : x;
  bounded = bounded > 89.0F ? 89.0F : bounded;
  const auto [n, q] = split_exponential(bounded);
  // 2^n may lie outside the normal numbers where the result does not: multiply in two steps.
  const std::int32_t half = n >> 1;
  return (1.0F + q) * power_of_two(half) * power_of_two(n - half);
}

/// exp(x) - 1 without cancellation, for x <= 0; exact to float32 for x >= -40, -1 below.
inline float expm1_of_negative(float x) {
  const auto [n, q] = split_exponential(x < -40.0F ? -40.0F : x);
  const float power = power_of_two(n);
  return power * q + (power - 1.0F);
}

inline float log(float x) {
  // x = 2^n m, m in [sqrt(1/2), sqrt(2)); subnormal numbers are scaled up first.
  const bool small = x < 0x1p-126F;
  const float scaled = small ? x * 0x1p23F : x;
  constexpr std::uint32_t kRootHalf = 0x3f3504f3U;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(scaled);
  const std::int32_t power = static_cast<std::int32_t>(bits - kRootHalf) >> 23;
  const float m = std::bit_cast<float>(bits - (static_cast<std::uint32_t>(power) << 23));
  const float n = static_cast<float>(power) - (small ? 23.0F : 0.0F);
  // log m = 2 atanh(s), s = (m - 1) / (m + 1), by its series: the next term is 2e-9.
  const float f = m - 1.0F, s = f / (2.0F + f), z = s * s;
  float series = 2.0F / 9;
  series = series * z + 2.0F / 7;
  series = series * z + 2.0F / 5;
  series = series * z + 2.0F / 3;
  // 2 s = f - f s, where f is exact.
  const float log_m = f - s * (f - series * z);
  const float result = n * 0x1.62e4p-1F + (n * 0x1.7f7d1cp-20F + log_m);
  const float infinite = x == 0.0F ? -HUGE_VALF : x;
  return x > 0.0F && x < HUGE_VALF ? result : x < 0.0F ? NAN : infinite;
}

inline float tanh(float x) {
  const float e = expm1_of_negative(-2.0F * std::abs(x));
  return std::copysign(e / (2.0F + e), x);
}

/// erfc(x) = exp(-x^2) t P(t), t = 3 / (3 + x), for x >= 0. P: a Chebyshev fit of degree 9 over all
/// x with erfc(x) > 0 in float32, off by at most 1e-8 of its value.
inline float erfc_of_positive(float x) {
  const float t = 3.0F / (3.0F + x);
  float p = 0.05693596216F;
  p = p * t - 0.2987459183F;
  p = p * t + 0.5512064348F;
  p = p * t - 0.4617919761F;
  p = p * t + 0.4206533385F;
  p = p * t - 0.01113530183F;
  p = p * t + 0.1953409082F;
  p = p * t + 0.1707350156F;
  p = p * t + 0.1887701839F;
  p = p * t + 0.1880313547F;
  return exp(-x * x) * t * p;
}

inline float erfc(float x) {
  const float y = erfc_of_positive(std::abs(x));
  return x < 0.0F ? 2.0F - y : y;
}

inline float erf(float x) {
  // Near 0 the series 2/sqrt(pi) (x - x^3/3 + x^5/10 - ...); 1 - erfc would lose its digits.
  const float size = std::abs(x), z = x * x;
  float series = 1.0F / 9360;
  series = series * z - 1.0F / 1320;
  series = series * z + 1.0F / 216;
  series = series * z - 1.0F / 42;
  series = series * z + 1.0F / 10;
  series = series * z - 1.0F / 3;
  const float near = 0x1.20dd76p+0F * (size + size * (series * z));
  return std::copysign(size < 0.5F ? near : 1.0F - erfc_of_positive(size), x);
}

template <class T>
T sigmoid(T x) {
  return T{1} / (T{1} + exp(-x));
}

}  // namespace polder::kernels::cpu::vector_math
