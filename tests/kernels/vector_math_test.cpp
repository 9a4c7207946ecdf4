#include "polder/kernels/cpu/vector_math.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <numbers>
#include <vector>

#include "polder/core/random.h"
#include "polder/kernels/cpu/box_muller.h"

namespace polder::kernels::cpu {
namespace {

/// Distance between a float32 result and the truth in units of the truth's last place.
double units_off(float found, double truth) {
  const float nearest = static_cast<float>(truth);
  if (std::isnan(nearest)) return std::isnan(found) ? 0 : HUGE_VAL;
  if (std::isinf(nearest)) return found == nearest ? 0 : HUGE_VAL;
  const double size = std::max(std::abs(truth), static_cast<double>(FLT_MIN));
  return std::abs(found - truth) / std::ldexp(1.0, std::ilogb(size) - 23);
}

/// The function stays within `allowed` units of the one of <cmath> over float32 numbers of every
/// size and sign in [low, high]: one in 3001 of all bit patterns.
template <class F, class G>
void expect_accurate(const char* name, F&& function, G&& truth, double low, double high,
                     double allowed) {
  double worst = 0;
  float where = 0;
  for (std::uint64_t bits = 0; bits < 0x100000000U; bits += 3001) {
    const float x = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (x < low || x > high) continue;
    const double off = units_off(function(x), truth(static_cast<double>(x)));
    if (off > worst) {
      worst = off;
      where = x;
    }
  }
  EXPECT_LE(worst, allowed) << name << " at " << where;
}

TEST(VectorMath, StaysNearTheFunctionsOfTheStandardLibrary) {
  const double all = HUGE_VAL;
  expect_accurate(
      "exp", [](float x) { return vector_math::exp(x); }, [](double x) { return std::exp(x); },
      -all, all, 2);
  expect_accurate(
      "log", [](float x) { return vector_math::log(x); }, [](double x) { return std::log(x); },
      -all, all, 2);
  expect_accurate(
      "tanh", [](float x) { return vector_math::tanh(x); }, [](double x) { return std::tanh(x); },
      -all, all, 4);
  expect_accurate(
      "erf", [](float x) { return vector_math::erf(x); }, [](double x) { return std::erf(x); },
      -all, all, 4);
  expect_accurate(
      "sigmoid", [](float x) { return vector_math::sigmoid(x); },
      [](double x) { return 1 / (1 + std::exp(-x)); }, -87, all, 4);
  // exp(-x^2) multiplies the rounding of its argument by its size.
  expect_accurate(
      "erfc", [](float x) { return vector_math::erfc(x); }, [](double x) { return std::erfc(x); },
      -all, 1, 8);
  expect_accurate(
      "erfc", [](float x) { return vector_math::erfc(x); }, [](double x) { return std::erfc(x); },
      1, 9, 100);
}

TEST(VectorMath, KeepsTheSignOfZero) {
  EXPECT_TRUE(std::signbit(vector_math::tanh(-0.0F)));
  EXPECT_TRUE(std::signbit(vector_math::erf(-0.0F)));
  EXPECT_FALSE(std::signbit(vector_math::tanh(0.0F)));
}

/// Words everywhere, and dense around the ends and the eighths of their range, where the
/// polynomials take turns.
std::vector<std::uint32_t> telling_words() {
  std::vector<std::uint32_t> words;
  for (std::uint64_t word = 0; word < 0x100000000U; word += 10007)
    words.push_back(static_cast<std::uint32_t>(word));
  for (std::uint32_t eighth = 0; eighth < 8; ++eighth)
    for (std::uint32_t offset = 0; offset < 200; ++offset)
      words.push_back(eighth * 0x20000000U + offset - 100);
  return words;
}

TEST(BoxMuller, LogarithmAndCosineStayNearTheTruth) {
  constexpr long double kTurn = 2 * std::numbers::pi_v<long double>;
  double worst_logarithm = 0, worst_cosine = 0;
  for (const std::uint32_t word : telling_words()) {
    const double x = (word + 1.0) * 0x1p-32, u = word * 0x1p-32;
    const long double logarithm = std::log(static_cast<long double>(x));
    const double off = static_cast<double>(std::abs(log_of_uniform(x) - logarithm));
    worst_logarithm = std::max(worst_logarithm, off / static_cast<double>(-logarithm + 1e-30L));
    const double cosine_off = static_cast<double>(std::abs(cos_of_turns(u) - std::cos(kTurn * u)));
    worst_cosine = std::max(worst_cosine, cosine_off);
  }
  EXPECT_LE(worst_logarithm, 2 * DBL_EPSILON);
  EXPECT_LE(worst_cosine, 2 * DBL_EPSILON);
}

TEST(BoxMuller, IsTheNormalOfTheCore) {
  const std::vector<std::uint32_t> words = telling_words();
  double worst = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::uint32_t other = words[i * 7919 % words.size()];
    const double off = std::abs(box_muller(words[i], other) - normal_from(words[i], other));
    worst = std::max(worst, off);
  }
  EXPECT_LE(worst, 32 * DBL_EPSILON);
}

}  // namespace
}  // namespace polder::kernels::cpu
