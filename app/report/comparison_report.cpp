#include "polder/app/report/comparison_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "polder/app/report/chart.h"
#include "polder/app/report/cost_charts.h"
#include "polder/app/report/page.h"
#include "polder/app/report/run_charts.h"
#include "polder/app/report/svg.h"
#include "polder/app/toml.h"

namespace polder::app {
namespace {

using Histories = std::vector<std::vector<History>>;

/// Mean over the runs, point by point, with smallest and largest as the band.
Series mean_over_runs(const std::vector<Series>& runs, std::string name, int colour) {
  Series mean{.name = std::move(name), .colour = colour};
  std::size_t points = runs.empty() ? 0 : runs.front().x.size();
  for (const Series& run : runs) points = std::min(points, run.x.size());
  for (std::size_t i = 0; i < points; ++i) {
    double sum = 0.0, low = runs.front().y[i], high = low;
    for (const Series& run : runs) {
      sum += run.y[i];
      low = std::min(low, run.y[i]);
      high = std::max(high, run.y[i]);
    }
    mean.x.push_back(runs.front().x[i]);
    mean.y.push_back(sum / static_cast<double>(runs.size()));
    mean.low.push_back(low);
    mean.high.push_back(high);
  }
  return mean;
}

/// One curve a featured rule, over its runs.
template <class Curve>
std::vector<Series> by_rule(const std::vector<RuleOutcome>& outcomes, const Histories& histories,
                            const Curve& curve) {
  std::vector<Series> all;
  for (const std::size_t r : featured(outcomes)) {
    std::vector<Series> runs;
    for (const History& history : histories[r]) runs.push_back(curve(history));
    Series mean = mean_over_runs(runs, outcomes[r].name, colour_of(outcomes, r));
    if (has_points(mean)) all.push_back(std::move(mean));
  }
  return all;
}

std::string curves(std::string_view heading, std::string y_label, ValueFormat format,
                   std::vector<Series> series, std::string_view caption) {
  Chart chart{.title = std::string(heading) + " over epochs",
              .x_label = "epoch",
              .y_label = std::move(y_label),
              .y_format = format,
              .series = std::move(series)};
  chart.logarithmic = format == ValueFormat::number && wants_logarithm(chart.series, 12);
  return figure(heading, to_svg(chart), caption);
}

std::string accuracy_intervals(const std::vector<RuleOutcome>& outcomes) {
  IntervalChart chart{
      .title = "Test accuracy of every run", .x_label = "test accuracy", .reference = kNotMeasured};
  for (std::size_t r = 0; r < outcomes.size(); ++r) {
    const RuleOutcome& one = outcomes[r];
    if (one.runs.empty()) continue;
    IntervalRow row{.name = one.name,
                    .middle = one.accuracy.mean,
                    .low = kNotMeasured,
                    .high = kNotMeasured,
                    .colour = colour_of(outcomes, r),
                    .text = fmt::format("{:.2f} ± {:.2f}", 100 * one.accuracy.mean,
                                        100 * one.accuracy.deviation)};
    for (const RunResult& run : one.runs) row.values.push_back(run.test.accuracy);
    chart.rows.push_back(std::move(row));
  }
  return figure("Test accuracy", to_svg(chart),
                "Small dots: one run each. Large dot: their mean, with the standard deviation at "
                "the right.");
}

std::string difference_intervals(const std::vector<RuleOutcome>& outcomes) {
  IntervalChart chart{.title = "Paired differences",
                      .x_label = "points of test accuracy",
                      .format = ValueFormat::number};
  for (std::size_t r = 1; r < outcomes.size(); ++r) {
    const PairedDifference& difference = outcomes[r].difference;
    if (difference.count < 2) continue;
    chart.rows.push_back({.name = outcomes[r].name,
                          .middle = 100 * difference.mean,
                          .low = 100 * difference.low,
                          .high = 100 * difference.high,
                          .colour = colour_of(outcomes, r),
                          .text = fmt::format("{:+.2f}", 100 * difference.mean)});
  }
  return figure("Difference to " + outcomes.front().name, to_svg(chart),
                "Seed by seed: same data, noise, split and starting weights. The bar is the 95 % "
                "confidence interval of the mean (Student's t).");
}

/// "+0.52 points over none (95 % interval +0.11 to +0.93)"
std::string against_first(const PairedDifference& difference, const std::string& first) {
  std::string text = fmt::format("{:+.2f} points against {}", 100 * difference.mean, first);
  if (difference.count < 2) return text;
  text += fmt::format(", 95 % interval {:+.2f} to {:+.2f}", 100 * difference.low,
                      100 * difference.high);
  return difference.clear() ? text : text + ", which holds 0";
}

/// One sentence: who is ahead, by how much, and whether that is more than chance.
std::string verdict(const std::vector<RuleOutcome>& outcomes) {
  std::vector<const RuleOutcome*> order;
  for (const RuleOutcome& outcome : outcomes)
    if (!outcome.runs.empty()) order.push_back(&outcome);
  if (order.empty()) return "No run is finished yet.";
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return a->accuracy.mean > b->accuracy.mean;
  });
  const RuleOutcome& best = *order.front();
  const std::string& first = outcomes.front().name;
  std::string text = fmt::format("{} has the highest mean test accuracy, {:.2f} %", best.name,
                                 100 * best.accuracy.mean);
  if (best.difference.count > 0) return text + ": " + against_first(best.difference, first) + ".";
  if (order.size() < 2 || order[1]->difference.count == 0) return text + ".";
  return fmt::format("{}; next is {}: {}.", text, order[1]->name,
                     against_first(order[1]->difference, first));
}

/// "840 evaluations"
std::string budget_text(const Config& config, const RuleOutcome& first) {
  const bool plain = config.budget_size == 0.0 && !first.runs.empty();
  const double size = plain ? first.evaluations.mean : config.budget_size;
  return fmt::format("{:.4g} {}", size, config.budget);
}

std::string lead(const Config& config, const std::vector<RuleOutcome>& outcomes) {
  std::int64_t missing = 0;
  for (const RuleOutcome& outcome : outcomes) missing += outcome.missing;
  std::string text =
      fmt::format("{} on {}, {} at learning rate {}, batches of {}, {} seeds", config.model,
                  config.data, config.optimizer, config.lr, config.batch, config.seeds);
  if (config.label_noise > 0.0)
    text += fmt::format(", {:.4g} % {} label noise", 100.0 * config.label_noise,
                        config.label_noise_kind);
  if (config.budget != "steps")
    text += "; every rule gets " + budget_text(config, outcomes.front());
  if (missing > 0) text += fmt::format("; {} runs are missing", missing);
  return text + ".";
}

std::string final_table(const std::vector<RuleOutcome>& outcomes) {
  const auto rows = outcome_table(outcomes);
  return table({.head = rows.front(),
                .rows = {rows.begin() + 1, rows.end()},
                .note = "Mean and standard deviation over seeds; differences in points of test "
                        "accuracy with their 95 % confidence interval; steps, gradient "
                        "evaluations (a forward pass counts a third, a Hessian-vector product two) "
                        "and training time of one run."});
}

std::vector<Series> accuracies(const std::vector<RuleOutcome>& outcomes, const Histories& histories,
                               Score EvaluationRecord::*set) {
  return by_rule(outcomes, histories,
                 [&](const History& history) { return accuracy_series(history, "", set); });
}

std::vector<Series> losses(const std::vector<RuleOutcome>& outcomes, const Histories& histories,
                           Score EvaluationRecord::*set) {
  return by_rule(outcomes, histories,
                 [&](const History& history) { return loss_series(history, "", set); });
}

std::vector<Series> step_curves(const std::vector<RuleOutcome>& outcomes,
                                const Histories& histories, double StepRecord::*value) {
  return by_rule(outcomes, histories, [&](const History& history) {
    return smoothed(steps_series(history, "", value));
  });
}

}  // namespace

std::string comparison_report(const Config& config, const std::vector<RuleOutcome>& outcomes,
                              const Histories& histories) {
  const std::string body =
      fmt::format("<p class=\"verdict\">{}</p>\n", escaped(verdict(outcomes))) +
      section("Result", {accuracy_intervals(outcomes), difference_intervals(outcomes),
                         final_table(outcomes)}) +
      section("Cost", cost_figures(outcomes, histories)) +
      section(
          "Learning",
          {curves("Test accuracy", "right answers", ValueFormat::percent,
                  accuracies(outcomes, histories, &EvaluationRecord::test),
                  "Mean over seeds; the band spans the seeds."),
           curves("Training accuracy", "right answers", ValueFormat::percent,
                  accuracies(outcomes, histories, &EvaluationRecord::training),
                  "On a fixed part of the training samples, under the labels that training "
                  "sees, noise included."),
           curves("Test loss", "cross-entropy", ValueFormat::number,
                  losses(outcomes, histories, &EvaluationRecord::test),
                  "Mean over seeds; the band spans the seeds."),
           curves("Training loss", "cross-entropy of the batch", ValueFormat::number,
                  step_curves(outcomes, histories, &StepRecord::loss),
                  "At the weights themselves, averaged over neighbouring batches and seeds.")}) +
      section(
          "Radius and gradients",
          {curves("Radius", "radius", ValueFormat::number,
                  step_curves(outcomes, histories, &StepRecord::radius),
                  "How far each rule looks."),
           curves("Gradient norm", "gradient norm", ValueFormat::number,
                  step_curves(outcomes, histories, &StepRecord::gradient_norm),
                  "The norm that the ascent divides by; without an ascent, of the gradient.")}) +
      folded("Configuration", to_toml(config, true));
  return page(fmt::format("{} rules on {}", outcomes.size(), config.data), lead(config, outcomes),
              body);
}

void write_comparison_report(const fs::path& folder) {
  const fs::path config_file = folder / "config.toml";
  Config config;
  read_toml(config, read_file(config_file), config_file.string());
  config.out = folder.string();
  const std::vector<PlannedRun> runs = plan_runs(config);
  const std::vector<RuleOutcome> outcomes = outcomes_of(runs);
  Histories histories(outcomes.size());
  for (std::size_t r = 0; r < outcomes.size(); ++r)
    for (const PlannedRun& run : runs) {
      if (run.rule != outcomes[r].rule || !is_finished(run)) continue;
      const fs::path file = fs::path(run.config.out) / "metrics.jsonl";
      histories[r].push_back(parse_history(read_file(file), file.string()));
    }
  write_file_atomically(folder / "report.html", comparison_report(config, outcomes, histories));
}

}  // namespace polder::app
