#include "polder/app/report/run_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "polder/app/report/page.h"

namespace polder::app {
namespace {

constexpr double kLogRatio = 12;

Series coloured(Series series, int colour, Mark mark = Mark::line) {
  series.colour = colour;
  series.mark = mark;
  return series;
}

/// The series that have something to show.
std::vector<Series> shown(std::vector<Series> all) {
  std::erase_if(all, [](const Series& series) { return !has_points(series); });
  return all;
}

Chart over_epochs(std::string title, std::string y_label, std::vector<Series> series) {
  Chart chart{.title = std::move(title),
              .x_label = "epoch",
              .y_label = std::move(y_label),
              .series = shown(std::move(series))};
  chart.logarithmic = wants_logarithm(chart.series, kLogRatio);
  return chart;
}

Series evaluation_series(const History& history, std::string name, Score EvaluationRecord::*set,
                         double Score::*value) {
  Series series{.name = std::move(name)};
  for (const EvaluationRecord& record : history.evaluations) {
    series.x.push_back(record.epoch);
    series.y.push_back(record.*set.*value);
  }
  return series;
}

/// |way - central difference| / |central difference| of every receipt.
std::vector<double> relative_errors(const History& history, std::size_t way) {
  std::vector<double> errors;
  for (const ReceiptRecord& record : history.receipts)
    errors.push_back(std::abs(record.slopes[way] / record.central_difference - 1.0));
  return errors;
}

double median(std::vector<double> values) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  if (values.empty()) return kNotMeasured;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Receipts on which the way and the central difference agree in sign.
std::size_t same_signs(const History& history, std::size_t way) {
  return static_cast<std::size_t>(std::count_if(
      history.receipts.begin(), history.receipts.end(),
      [&](const auto& record) { return record.slopes[way] * record.central_difference > 0.0; }));
}

Series over_receipts(const History& history, std::string name, std::vector<double> values) {
  Series series{.name = std::move(name)};
  for (const ReceiptRecord& record : history.receipts)
    series.x.push_back(static_cast<double>(record.step));
  series.y = std::move(values);
  return series;
}

std::string spaced(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

std::string slope_text(double value) {
  return std::isfinite(value) ? fmt::format("{:.4g}", value) : "–";
}

}  // namespace

Series steps_series(const History& history, std::string name, double StepRecord::*value) {
  Series series{.name = std::move(name)};
  for (const StepRecord& record : history.steps) {
    if (!std::isfinite(record.*value)) continue;
    series.x.push_back(record.epoch);
    series.y.push_back(record.*value);
  }
  return series;
}

Series accuracy_series(const History& history, std::string name, Score EvaluationRecord::*set) {
  return evaluation_series(history, std::move(name), set, &Score::accuracy);
}

Series loss_series(const History& history, std::string name, Score EvaluationRecord::*set) {
  return evaluation_series(history, std::move(name), set, &Score::loss);
}

bool has_points(const Series& series) {
  return std::any_of(series.y.begin(), series.y.end(), [](double y) { return std::isfinite(y); });
}

std::string loss_figure(const History& history) {
  const Chart chart =
      over_epochs("Loss over epochs", "cross-entropy",
                  {coloured(smoothed(steps_series(history, "batches", &StepRecord::loss)), 0),
                   coloured(loss_series(history, "held out", &EvaluationRecord::validation), 2),
                   coloured(loss_series(history, "test", &EvaluationRecord::test), 1)});
  return figure("Loss", to_svg(chart),
                "Training batches as they came (the band is their spread), and whole sets in "
                "evaluation mode.");
}

std::string accuracy_figure(const History& history) {
  Chart chart =
      over_epochs("Accuracy over epochs", "right answers",
                  {coloured(accuracy_series(history, "training", &EvaluationRecord::training), 0),
                   coloured(accuracy_series(history, "held out", &EvaluationRecord::validation), 2),
                   coloured(accuracy_series(history, "test", &EvaluationRecord::test), 1)});
  chart.y_format = ValueFormat::percent;
  chart.logarithmic = false;
  return figure("Accuracy", to_svg(chart),
                "Training and held-out samples under the labels that training sees, noise "
                "included; test samples under the true ones.");
}

std::string radius_figure(const History& history) {
  const Chart chart = over_epochs("Radius over epochs", "radius",
                                  {coloured(steps_series(history, "", &StepRecord::radius), 3)});
  return figure("Radius", to_svg(chart), "How far the rule looks: the norm of the perturbation.");
}

std::string receipts_figure(const History& history) {
  std::vector<Series> series;
  for (std::size_t way = 0; way < kSlopeNames.size(); ++way) {
    Series curve = over_receipts(history, spaced(kSlopeNames[way]), relative_errors(history, way));
    series.push_back(coloured(std::move(curve), static_cast<int>(way)));
  }
  std::vector<double> doubts;
  for (const ReceiptRecord& record : history.receipts)
    doubts.push_back(std::abs(record.doubt / record.central_difference));
  series.push_back(coloured(over_receipts(history, "doubt", doubts), 7, Mark::dashed));
  const Chart chart{.title = "Relative error of the hypergradient, four ways",
                    .x_label = "step",
                    .y_label = "relative error of the hypergradient",
                    .logarithmic = true,
                    .series = shown(std::move(series))};
  return figure(
      "Receipts", to_svg(chart),
      "How far each way to the slope of the upper objective is from its central "
      "difference, which asks no derivative of anyone. Dashed: how far that difference "
      "itself may be off, as it is in float32 and across the kinks of ReLU and max pooling.");
}

std::string receipts_summary(const History& history) {
  if (history.receipts.empty()) return "";
  Table ways{.head = {"way", "median error", "right sign"}};
  for (std::size_t way = 0; way < kSlopeNames.size(); ++way)
    ways.rows.push_back(
        {spaced(kSlopeNames[way]),
         fmt::format("{:.3g} %", 100.0 * median(relative_errors(history, way))),
         fmt::format("{} of {}", same_signs(history, way), history.receipts.size())});
  return figure("How right they are", table(ways),
                "Over all receipts of the run. The sign decides whether the radius grows or "
                "shrinks.");
}

std::string receipts_table(const History& history) {
  if (history.receipts.empty()) return "";
  Table numbers{.head = {"step", "radius", "gap", "central difference"}};
  for (const std::string_view name : kSlopeNames) numbers.head.push_back(spaced(name));
  const std::size_t count = history.receipts.size();
  const std::size_t stride = (count + 11) / 12;
  for (std::size_t i = (count - 1) % stride; i < count; i += stride) {
    const ReceiptRecord& record = history.receipts[i];
    std::vector<std::string> row = {fmt::to_string(record.step), slope_text(record.radius),
                                    slope_text(record.gap), slope_text(record.central_difference)};
    for (const double slope : record.slopes) row.push_back(slope_text(slope));
    numbers.rows.push_back(row);
  }
  numbers.note = "Slopes dJ/drho at the step to come, all measured at the same state.";
  return table(numbers);
}

std::string gradient_figure(const History& history) {
  const Chart chart =
      over_epochs("Gradient norm over epochs", "gradient norm",
                  {coloured(smoothed(steps_series(history, "", &StepRecord::gradient_norm)), 0)});
  return figure("Gradient norm", to_svg(chart),
                "The norm that the ascent divides by; without an ascent, of the gradient itself. "
                "The band is the spread between steps.");
}

std::string sharpness_figure(const History& history) {
  if (!has_points(steps_series(history, "", &StepRecord::perturbed_loss))) return "";
  Series clean = smoothed(steps_series(history, "clean", &StepRecord::loss));
  Series perturbed = smoothed(steps_series(history, "perturbed", &StepRecord::perturbed_loss));
  for (Series* series : {&clean, &perturbed}) series->low = series->high = {};
  const Chart chart = over_epochs("Clean and perturbed loss over epochs", "loss of the batch",
                                  {coloured(clean, 0), coloured(perturbed, 1)});
  return figure("Clean and perturbed loss", to_svg(chart),
                "The loss where the weights are, and where the rule looks. The gap is the "
                "sharpness that training feels.");
}

std::string rate_figure(const History& history) {
  Chart chart = over_epochs("Learning rate over epochs", "learning rate",
                            {coloured(steps_series(history, "", &StepRecord::rate), 7)});
  chart.logarithmic = false;
  chart.zero_line = true;
  return figure("Learning rate", to_svg(chart), "As the schedule says.");
}

}  // namespace polder::app
