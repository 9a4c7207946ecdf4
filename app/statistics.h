#pragma once

#include <cstdint>
#include <span>

namespace polder::app {

/// Mean and sample standard deviation (n - 1 below the sum; 0 for a single value).
struct Summary {
  std::int64_t count = 0;
  double mean = 0.0;
  double deviation = 0.0;
};
Summary summarize(std::span<const double> values);

/// Confidence interval of the mean,
///   mean -+ t_{(1 + level) / 2, n - 1} s / sqrt(n),  s the sample standard deviation.
/// Unbounded with fewer than two values.
struct Interval {
  double low = 0.0, high = 0.0;
};
Interval mean_interval(const Summary& summary, double level = 0.95);

/// Probability that Student's t with `freedom` degrees of freedom stays below `t`.
double student_t_probability(double t, double freedom);
/// The t below which Student's distribution holds `probability`, 0 < probability < 1.
double student_t_quantile(double probability, double freedom);

/// Mean of paired differences a_i - b_i with its confidence interval (mean_interval).
struct PairedDifference {
  std::int64_t count = 0;
  double mean = 0.0;
  double low = 0.0, high = 0.0;

  /// The interval does not hold 0.
  bool clear() const { return low > 0.0 || high < 0.0; }
};
/// Throws Error when the numbers of values differ or are zero.
PairedDifference paired_difference(std::span<const double> a, std::span<const double> b,
                                   double level = 0.95);

}  // namespace polder::app
