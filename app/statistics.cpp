#include "polder/app/statistics.h"

#include <cmath>
#include <limits>
#include <vector>

#include "polder/core/error.h"

namespace polder::app {
namespace {

/// Continued fraction of the incomplete beta function, by Lentz's method.
/// Source: NIST Digital Library of Mathematical Functions, 8.17.22.
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  const auto guarded = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1.0;
  double d = 1.0 / guarded(1.0 - (a + b) * x / (a + 1.0));
  double fraction = d;
  for (int m = 1; m < 500; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double factor = 1.0;
    for (const double term : {even, odd}) {
      d = 1.0 / guarded(1.0 + term * d);
      c = guarded(1.0 + term / c);
      factor = c * d;
      fraction *= factor;
    }
    if (std::abs(factor - 1.0) < 1e-15) break;
  }
  return fraction;
}

/// I_x(a, b), the regularised incomplete beta function.
double incomplete_beta(double a, double b, double x) {
  if (x <= 0.0) return 0.0;
  if (x >= 1.0) return 1.0;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  // The fraction converges fast only on this side of the mean; the other side is its mirror image.
  if (x < (a + 1.0) / (a + b + 2.0)) return front * beta_fraction(a, b, x) / a;
  return 1.0 - front * beta_fraction(b, a, 1.0 - x) / b;
}

}  // namespace

Summary summarize(std::span<const double> values) {
  Summary summary{.count = static_cast<std::int64_t>(values.size())};
  if (values.empty()) return summary;
  for (const double value : values) summary.mean += value;
  summary.mean /= static_cast<double>(values.size());
  if (values.size() < 2) return summary;
  double squares = 0.0;
  for (const double value : values) squares += (value - summary.mean) * (value - summary.mean);
  summary.deviation = std::sqrt(squares / static_cast<double>(values.size() - 1));
  return summary;
}

double student_t_probability(double t, double freedom) {
  const double square = t * t;
  // Near the middle 1 - x is the small number, in the tails x is: each keeps its digits.
  if (square < freedom) {
    const double within = incomplete_beta(0.5, freedom / 2.0, square / (freedom + square));
    return 0.5 + 0.5 * (t < 0.0 ? -within : within);
  }
  const double tail = 0.5 * incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + square));
  return t > 0.0 ? 1.0 - tail : tail;
}

double student_t_quantile(double probability, double freedom) {
  require(probability > 0.0 && probability < 1.0 && freedom > 0.0,
          "student_t_quantile: probability {} and {} degrees of freedom, wanted (0, 1) and > 0",
          probability, freedom);
  double low = -1.0, high = 1.0;
  while (student_t_probability(low, freedom) > probability) low *= 2.0;
  while (student_t_probability(high, freedom) < probability) high *= 2.0;
  for (int halving = 0; halving < 200 && low < high; ++halving) {
    const double middle = 0.5 * (low + high);
    if (middle == low || middle == high) break;
    (student_t_probability(middle, freedom) < probability ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

Interval mean_interval(const Summary& summary, double level) {
  double half_width = std::numeric_limits<double>::infinity();
  if (summary.count > 1) {
    const auto freedom = static_cast<double>(summary.count - 1);
    half_width = student_t_quantile(0.5 + 0.5 * level, freedom) * summary.deviation /
                 std::sqrt(static_cast<double>(summary.count));
  }
  return {summary.mean - half_width, summary.mean + half_width};
}

PairedDifference paired_difference(std::span<const double> a, std::span<const double> b,
                                   double level) {
  require(a.size() == b.size() && !a.empty(), "paired_difference: {} and {} values, wanted pairs",
          a.size(), b.size());
  std::vector<double> differences(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) differences[i] = a[i] - b[i];
  const Summary summary = summarize(differences);
  const auto [low, high] = mean_interval(summary, level);
  return {summary.count, summary.mean, low, high};
}

}  // namespace polder::app
