#include "polder/app/report/scale.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace polder::app {
namespace {

/// The smallest of 1, 2, 5, 10, 20, ... (times any power of ten) that is at least `value`.
double round_step(double value) {
  const double power = std::pow(10.0, std::floor(std::log10(value)));
  for (const double digit : {1.0, 2.0, 5.0})
    if (digit * power >= value * (1.0 - 1e-9)) return digit * power;
  return 10.0 * power;
}

}  // namespace

std::string value_text(double value, ValueFormat format) {
  if (format == ValueFormat::percent) return fmt::format("{:.4g} %", 100.0 * value);
  const double size = std::abs(value);
  if (size >= 1e6) return fmt::format("{:.4g}M", value / 1e6);
  if (size >= 1e4) return fmt::format("{:.4g}k", value / 1e3);
  if (size == 0.0 || size >= 1e-3) return fmt::format("{:.4g}", value);
  const auto exponent = static_cast<int>(std::floor(std::log10(size) + 1e-9));
  return fmt::format("{:.3g}e{}", value / std::pow(10.0, exponent), exponent);
}

Scale::Scale(double low, double high, double from, double to, int ticks, Axis axis)
    : low_(low), high_(high), from_(from), to_(to), logarithmic_(axis == Axis::logarithmic) {
  if (logarithmic_)
    place_logarithmic_ticks(ticks);
  else
    place_linear_ticks(ticks, axis == Axis::round_ends);
}

double Scale::operator()(double value) const {
  const auto position = [this](double v) { return logarithmic_ ? std::log(v) : v; };
  const double share = (position(value) - position(low_)) / (position(high_) - position(low_));
  return from_ + share * (to_ - from_);
}

void Scale::place_linear_ticks(int wanted, bool round_ends) {
  const double size = std::max(std::abs(low_), std::abs(high_));
  if (!(high_ - low_ > 1e-9 * size)) {  // ticks a rounding error apart could not be counted
    const double room = std::max(std::abs(low_) * 0.1, 1e-12);
    low_ -= room;
    high_ += room;
  }
  const double step = round_step((high_ - low_) / wanted);
  double first = std::ceil(low_ / step - 1e-9), last = std::floor(high_ / step + 1e-9);
  if (round_ends) {
    first = std::floor(low_ / step + 1e-9);
    last = std::ceil(high_ / step - 1e-9);
    low_ = first * step;
    high_ = last * step;
  }
  for (double k = first; k <= last + 0.5; k += 1.0) ticks_.push_back(k == 0.0 ? 0.0 : k * step);
}

void Scale::place_logarithmic_ticks(int wanted) {
  const double slack = low_ == high_ ? 1.5 : 1.02;
  low_ /= slack;
  high_ *= slack;
  const double decades = std::log10(high_ / low_);
  const auto stride = static_cast<int>(std::ceil(decades / wanted));
  const std::vector<double> digits = decades > 2.0   ? std::vector{1.0}
                                     : decades > 1.2 ? std::vector{1.0, 3.0}
                                                     : std::vector{1.0, 2.0, 3.0, 5.0, 7.0};
  const auto first = static_cast<int>(std::floor(std::log10(low_)));
  for (int power = first; power <= std::log10(high_); power += stride)
    for (const double digit : digits) {
      const double tick = digit * std::pow(10.0, power);
      if (tick >= low_ && tick <= high_) ticks_.push_back(tick);
    }
}

}  // namespace polder::app
