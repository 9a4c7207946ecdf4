#include "polder/kernels/cpu/vector_math.h"

#include <gtest/gtest.h>

#include <cfloat>

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

}  // namespace
}  // namespace polder::kernels::cpu
