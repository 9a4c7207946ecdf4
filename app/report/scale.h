#pragma once

#include <string>
#include <vector>

namespace polder::app {

/// How values are written along an axis.
enum class ValueFormat { number, percent };
/// "0.25", "5k", "1e-5"; "25 %" for percent.
std::string value_text(double value, ValueFormat format = ValueFormat::number);

/// `round_ends` widens the axis to its outermost ticks, `fixed_ends` keeps it as it is.
enum class Axis { round_ends, fixed_ends, logarithmic };

/// Maps values to pixels, with ticks at round values.
class Scale {
 public:
  /// Values [low, high] onto pixels [from, to]; about `ticks` ticks. Logarithmic needs low > 0.
  Scale(double low, double high, double from, double to, int ticks, Axis axis);

  double operator()(double value) const;
  const std::vector<double>& ticks() const { return ticks_; }
  double low() const { return low_; }
  double high() const { return high_; }

 private:
  void place_linear_ticks(int wanted, bool round_ends);
  void place_logarithmic_ticks(int wanted);

  double low_, high_, from_, to_;
  bool logarithmic_;
  std::vector<double> ticks_;
};

}  // namespace polder::app
