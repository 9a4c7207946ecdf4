#include "polder/app/report/cost_charts.h"

#include <algorithm>
#include <cmath>

#include "polder/app/report/chart.h"
#include "polder/app/report/page.h"

namespace polder::app {
namespace {

constexpr std::string_view kInterval =
    "The bar is the 95 % confidence interval of the mean over seeds (Student's t).";

/// What the caption says where there are more rules than names.
std::string left_out(const std::vector<RuleOutcome>& outcomes) {
  return featured(outcomes).size() < outcomes.size()
             ? " Grey: rules that are neither the yardstick nor among the best."
             : "";
}

/// Of the mean; an accuracy stays between 0 and 1.
Interval accuracy_interval(const Summary& accuracy) {
  const auto [low, high] = mean_interval(accuracy);
  return {std::isfinite(low) ? std::max(low, 0.0) : low,
          std::isfinite(high) ? std::min(high, 1.0) : high};
}

std::string accuracy_against(const std::string& x_label, Summary RuleOutcome::*cost,
                             const std::vector<RuleOutcome>& outcomes) {
  std::vector<Series> muted, shown;
  for (std::size_t r = 0; r < outcomes.size(); ++r) {
    const RuleOutcome& one = outcomes[r];
    if (one.runs.empty()) continue;
    const Interval interval = accuracy_interval(one.accuracy);
    Series point{.x = {(one.*cost).mean},
                 .y = {one.accuracy.mean},
                 .low = {interval.low},
                 .high = {interval.high},
                 .colour = colour_of(outcomes, r),
                 .mark = Mark::points};
    if (point.colour != kMuted) point.name = one.name;
    (point.colour == kMuted ? muted : shown).push_back(std::move(point));
  }
  muted.insert(muted.end(), shown.begin(), shown.end());
  return to_svg(Chart{.title = "Test accuracy against " + x_label,
                      .x_label = x_label,
                      .y_label = "test accuracy",
                      .y_format = ValueFormat::percent,
                      .series = std::move(muted)});
}

/// Everybody spent the same, near enough that a picture of it would be a vertical line.
bool all_equal(const std::vector<RuleOutcome>& outcomes, Summary RuleOutcome::*cost) {
  double low = INFINITY, high = 0.0;
  for (const RuleOutcome& one : outcomes) {
    if (one.runs.empty()) continue;
    low = std::min(low, (one.*cost).mean);
    high = std::max(high, (one.*cost).mean);
  }
  return high <= 1.02 * low;
}

/// Means over the runs at each evaluation, with their confidence interval as the band.
Series accuracy_over_evaluations(const std::vector<History>& runs) {
  Series curve;
  std::size_t points = runs.empty() ? 0 : runs.front().evaluations.size();
  for (const History& run : runs) points = std::min(points, run.evaluations.size());
  for (std::size_t i = 0; i < points; ++i) {
    std::vector<double> spent, accuracy;
    for (const History& run : runs) {
      spent.push_back(run.evaluations[i].evaluations);
      accuracy.push_back(run.evaluations[i].test.accuracy);
    }
    const Summary mean = summarize(accuracy);
    const Interval interval = accuracy_interval(mean);
    curve.x.push_back(summarize(spent).mean);
    curve.y.push_back(std::isfinite(curve.x.back()) ? mean.mean : kNotMeasured);
    curve.low.push_back(interval.low);
    curve.high.push_back(interval.high);
  }
  return curve;
}

std::string curves_over_evaluations(const std::vector<RuleOutcome>& outcomes,
                                    const std::vector<std::vector<History>>& histories) {
  Chart chart{.title = "Test accuracy over evaluations",
              .x_label = "gradient evaluations",
              .y_label = "test accuracy",
              .y_format = ValueFormat::percent};
  for (const std::size_t r : featured(outcomes)) {
    Series curve = accuracy_over_evaluations(histories[r]);
    curve.name = outcomes[r].name;
    curve.colour = colour_of(outcomes, r);
    if (!curve.x.empty()) chart.series.push_back(std::move(curve));
  }
  return to_svg(chart);
}

}  // namespace

std::vector<std::size_t> featured(const std::vector<RuleOutcome>& outcomes) {
  std::vector<std::size_t> order;
  for (std::size_t r = 0; r < outcomes.size(); ++r) order.push_back(r);
  if (order.size() <= kColours) return order;
  std::stable_sort(order.begin() + 1, order.end(), [&](std::size_t a, std::size_t b) {
    return outcomes[a].accuracy.mean > outcomes[b].accuracy.mean;
  });
  order.resize(kColours);
  return order;
}

int colour_of(const std::vector<RuleOutcome>& outcomes, std::size_t r) {
  const std::vector<std::size_t> named = featured(outcomes);
  const auto place = std::find(named.begin(), named.end(), r);
  return place == named.end() ? kMuted : static_cast<int>(place - named.begin());
}

std::vector<std::string> cost_figures(const std::vector<RuleOutcome>& outcomes,
                                      const std::vector<std::vector<History>>& histories) {
  const std::string caption = std::string(kInterval) + left_out(outcomes);
  const bool equal = all_equal(outcomes, &RuleOutcome::evaluations);
  return {
      figure("Test accuracy over gradient evaluations",
             curves_over_evaluations(outcomes, histories),
             "Mean over seeds with its 95 % confidence interval; a forward pass counts a third, a "
             "Hessian-vector product two."),
      equal ? ""
            : figure("Test accuracy against gradient evaluations",
                     accuracy_against("gradient evaluations", &RuleOutcome::evaluations, outcomes),
                     caption),
      figure("Test accuracy against training time",
             accuracy_against("seconds of training", &RuleOutcome::seconds, outcomes), caption)};
}

}  // namespace polder::app
