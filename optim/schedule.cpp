#include "polder/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "polder/core/error.h"
#include "polder/core/text.h"

namespace polder::optim {
namespace {

void check(const Schedule& s, double t, std::int64_t total) {
  require(t >= 0.0 && t < static_cast<double>(total),
          "Schedule: step {} of a run of {} steps, want 0 <= step < {}", t, total, total);
  require(std::isfinite(s.peak) && s.peak >= 0.0,
          "Schedule: peak rate is {}, want a finite number >= 0", s.peak);
  require(s.floor >= 0.0 && s.floor <= s.peak, "Schedule: floor is {}, want a rate in [0, {}]",
          s.floor, s.peak);
  require(s.warmup >= 0 && s.warmup < total,
          "Schedule: warm-up of {} steps in a run of {}, want fewer and not negative", s.warmup,
          total);
  require(s.factor > 0.0 && s.factor <= 1.0, "Schedule: factor is {}, want a number in (0, 1]",
          s.factor);
  double before = 0.0;
  for (const double milestone : s.milestones) {
    require(milestone > before && milestone < 1.0,
            "Schedule: milestone {} after {}, want ascending fractions of the run in (0, 1)",
            milestone, before);
    before = milestone;
  }
}

double steps_down(const Schedule& s, double fraction) {
  const auto passed = [&](double milestone) { return milestone <= fraction; };
  const auto count = std::count_if(s.milestones.begin(), s.milestones.end(), passed);
  return s.peak * std::pow(s.factor, static_cast<double>(count));
}

}  // namespace

std::string_view to_string(Decay decay) {
  switch (decay) {
    case Decay::constant:
      return "constant";
    case Decay::step:
      return "step";
    case Decay::cosine:
      return "cosine";
    case Decay::linear:
      return "linear";
  }
  return "";
}

Decay parse_decay(const std::string& name) {
  std::vector<std::string> known;
  for (const Decay decay : {Decay::constant, Decay::step, Decay::cosine, Decay::linear}) {
    if (name == to_string(decay)) return decay;
    known.emplace_back(to_string(decay));
  }
  fail("schedule '{}' is unknown, did you mean '{}'? (known: {})", name, nearest_name(name, known),
       join(known));
}

double Schedule::rate(double t, std::int64_t total) const {
  check(*this, t, total);
  const auto rise = static_cast<double>(warmup), whole = static_cast<double>(total);
  if (t < rise) return peak * ((t + 1.0) / (rise + 1.0));
  const double p = (t - rise) / (whole - rise);
  switch (decay) {
    case Decay::constant:
      return peak;
    case Decay::step:
      return steps_down(*this, t / whole);
    case Decay::cosine:
      return floor + (peak - floor) * 0.5 * (1.0 + std::cos(std::numbers::pi * p));
    case Decay::linear:
      return floor + (peak - floor) * (1.0 - p);
  }
  return peak;
}

std::pair<double, double> Schedule::range(std::int64_t total) const {
  std::pair<double, double> range{rate(0, total), rate(0, total)};
  for (std::int64_t t = 1; t < total; ++t) {
    const double here = rate(static_cast<double>(t), total);
    range.first = std::min(range.first, here);
    range.second = std::max(range.second, here);
  }
  return range;
}

}  // namespace polder::optim
