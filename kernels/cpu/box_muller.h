#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

/// polder::normal_from for loops: without branches or calls, so that the compiler turns a loop into
/// vector code. Float64 throughout; agrees with the one of the core within a few units of 2^-53.
namespace polder::kernels::cpu {

/// log x for x in [2^-32, 1].
inline double log_of_uniform(double x) {
  // x = 2^n m, m in [sqrt(1/2), sqrt(2)). The exponent of the quotient, shifted to be positive,
  // becomes a number as the low bits of one with the size of 2^52.
  constexpr std::uint64_t kRootHalf = 0x3fe6a09e667f3bcdU, kShift = 64;
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  const std::uint64_t power = (bits - kRootHalf + (kShift << 52)) >> 52;
  const double n = std::bit_cast<double>(power | 0x4330000000000000U) - (0x1p52 + kShift);
  const double m = std::bit_cast<double>(bits - ((power - kShift) << 52));
  // log m = 2 atanh(s), s = (m - 1) / (m + 1), by its series: the next term is 5e-19.
  const double f = m - 1.0, s = f / (2.0 + f), z = s * s;
  double series = 2.0 / 21;
  series = series * z + 2.0 / 19;
  series = series * z + 2.0 / 17;
  series = series * z + 2.0 / 15;
  series = series * z + 2.0 / 13;
  series = series * z + 2.0 / 11;
  series = series * z + 2.0 / 9;
  series = series * z + 2.0 / 7;
  series = series * z + 2.0 / 5;
  series = series * z + 2.0 / 3;
  // 2 s = f - f s, where f is exact. n times the first part of log 2, a short one, is exact.
  return n * 0x1.62e42fefa38p-1 + (n * 0x1.ef35793c7673p-45 + (f - s * (f - series * z)));
}

/// cos(2 pi u) for u in [0, 1), a multiple of 2^-32.
inline double cos_of_turns(double u) {
  // u = q / 4 + t, |t| <= 1/8, exactly; adding 1.5 * 2^52 leaves q in the low bits.
  constexpr double kRounder = 0x1.8p52;
  const double shifted = 4.0 * u + kRounder;
  const std::uint64_t q = std::bit_cast<std::uint64_t>(shifted);
  const double x = (u - (shifted - kRounder) * 0.25) * (2.0 * std::numbers::pi), z = x * x;
  // Taylor, |x| <= pi / 4: the next terms are 1e-19 and 2e-18.
  double sine = 1.0 / 355687428096000;
  sine = sine * z - 1.0 / 1307674368000;
  sine = sine * z + 1.0 / 6227020800;
  sine = sine * z - 1.0 / 39916800;
  sine = sine * z + 1.0 / 362880;
  sine = sine * z - 1.0 / 5040;
  sine = sine * z + 1.0 / 120;
  sine = sine * z - 1.0 / 6;
  sine = x + x * (sine * z);
  double cosine = 1.0 / 20922789888000;
  cosine = cosine * z - 1.0 / 87178291200;
  cosine = cosine * z + 1.0 / 479001600;
  cosine = cosine * z - 1.0 / 3628800;
  cosine = cosine * z + 1.0 / 40320;
  cosine = cosine * z - 1.0 / 720;
  cosine = cosine * z + 1.0 / 24;
  cosine = 1.0 - (0.5 * z - cosine * z * z);
  // Quarter turns: cos x, -sin x, -cos x, sin x.
  const double size = (q & 1) != 0 ? sine : cosine;
  const std::uint64_t sign = ((q + 1) & 2) << 62;
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(size) ^ sign);
}

/// Standard normal from two words, as polder::normal_from has it.
inline double box_muller(std::uint32_t word0, std::uint32_t word1) {
  return std::sqrt(-2.0 * log_of_uniform((word0 + 1.0) * 0x1p-32)) * cos_of_turns(word1 * 0x1p-32);
}

}  // namespace polder::kernels::cpu
