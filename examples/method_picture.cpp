// Draws a rule's picture for docs/methods from two runs of the program: its own and that of the
// base optimizer alone.
//   method_picture RUN PLAIN PANEL FILE
// On the left the loss of the batches where the weights are and where the rule looks. On the right
// what the rule is about: PANEL is gap, radius, gradient_norm, accuracy, or the name of a number
// that the rule reports. scripts/method_pictures.sh runs it for every rule.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>

#include "polder/app/files.h"
#include "polder/app/metrics.h"
#include "polder/app/report/chart.h"
#include "polder/app/report/run_charts.h"
#include "polder/app/report/svg.h"
#include "polder/core/error.h"

namespace {

using namespace polder;
using namespace polder::app;

/// What a picture is made of.
struct Runs {
  History rule, plain;
  std::string label;  // "sam:rho=0.1"
};

History history_of(const fs::path& folder) {
  const std::string file = (folder / "metrics.jsonl").string();
  return parse_history(read_file(file), file);
}

/// Neighbouring steps averaged, without the band of their spread.
Series calm(Series series, int colour, Mark mark = Mark::line) {
  series = smoothed(series);
  series.low = series.high = {};
  series.colour = colour;
  series.mark = mark;
  return series;
}

Chart chart_of(const std::string& y_label, std::vector<Series> series) {
  std::erase_if(series, [](const Series& one) { return !has_points(one); });
  Chart chart{.title = y_label, .x_label = "epoch", .y_label = y_label, .series = series};
  chart.logarithmic = wants_logarithm(chart.series, 12);
  return chart;
}

Chart losses(const Runs& runs) {
  return chart_of(
      "loss of the batch",
      {calm(steps_series(runs.plain, "plain steps", &StepRecord::loss), 7, Mark::dashed),
       calm(steps_series(runs.rule, "at w", &StepRecord::loss), 0),
       calm(steps_series(runs.rule, "at w + ε", &StepRecord::perturbed_loss), 1)});
}

/// A number of each step, by a function of its record.
template <class F>
Series of_steps(const History& history, const std::string& name, const F& value_of) {
  Series series{.name = name};
  for (const StepRecord& record : history.steps) {
    const double value = value_of(record);
    if (!std::isfinite(value)) continue;
    series.x.push_back(record.epoch);
    series.y.push_back(value);
  }
  return series;
}

double reported(const StepRecord& record, const std::string& name) {
  for (const auto& [known, value] : record.scalars)
    if (known == name) return value;
  return kNotMeasured;
}

Series accuracy(const History& history, const std::string& name, int colour, Mark mark) {
  Series series = accuracy_series(history, name, &EvaluationRecord::test);
  series.colour = colour;
  series.mark = mark;
  return series;
}

Chart panel(const Runs& runs, const std::string& name) {
  if (name == "accuracy") {
    Chart chart = chart_of("right answers on the test set",
                           {accuracy(runs.plain, "plain steps", 7, Mark::dashed),
                            accuracy(runs.rule, "this rule", 2, Mark::line)});
    chart.logarithmic = false;
    chart.y_format = ValueFormat::percent;
    return chart;
  }
  if (name == "gradient_norm")
    return chart_of(
        "gradient norm",
        {calm(steps_series(runs.plain, "plain steps", &StepRecord::gradient_norm), 7, Mark::dashed),
         calm(steps_series(runs.rule, "this rule", &StepRecord::gradient_norm), 3)});
  const auto value_of = [&](const StepRecord& record) {
    if (name == "gap") return record.perturbed_loss - record.loss;
    return name == "radius" ? record.radius : reported(record, name);
  };
  std::string y_label = name == "gap" ? "perturbed loss - loss" : name;
  std::replace(y_label.begin(), y_label.end(), '_', ' ');
  Chart chart = chart_of(y_label, {calm(of_steps(runs.rule, "", value_of), 3)});
  require(!chart.series.empty(), "method_picture: the run reports no {}", name);
  chart.zero_line = name == "gap";
  return chart;
}

constexpr const char* kStyle = R"(
  text { fill: #1b1f24; } .tick, .label { fill: #59636e; } .name { font-weight: 600; }
  .grid { stroke: #e3e7eb; } .axis { stroke: #9aa4ae; }
  .curve { fill: none; stroke-width: 2; stroke-linejoin: round; } .dashed { stroke-dasharray: 5 4; }
  .curve.c0 { stroke: #0b62a8; } .curve.c1 { stroke: #c2410c; } .curve.c2 { stroke: #0a7a55; }
  .curve.c3 { stroke: #9a2f86; } .curve.c7 { stroke: #59636e; stroke-width: 1.4; }
  .name.c0, .dot.c0 { fill: #0b62a8; } .name.c1, .dot.c1 { fill: #c2410c; }
  .name.c2, .dot.c2 { fill: #0a7a55; } .name.c3, .dot.c3 { fill: #9a2f86; }
  .name.c7, .dot.c7 { fill: #59636e; }
)";

/// A chart's elements as a group at this place of a larger picture.
std::string placed(const Chart& chart, double x, double y) {
  const std::string svg = to_svg(chart);
  const std::size_t begin = svg.find('\n') + 1, end = svg.rfind("</svg>");
  return fmt::format("<g transform=\"translate({} {})\">\n{}</g>\n", x, y,
                     svg.substr(begin, end - begin));
}

std::string picture(const Runs& runs, const std::string& panel_name) {
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 928 312\" role=\"img\" "
      "aria-label=\"{0}\" font-family=\"system-ui, sans-serif\" font-size=\"12.5\">\n"
      "<style>{1}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
      "<text class=\"name\" x=\"12\" y=\"22\">{0}</text>\n",
      escaped(runs.label), kStyle);
  svg += placed(losses(runs), 12, 40);
  svg += placed(panel(runs, panel_name), 480, 40);
  return svg + "</svg>\n";
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) {
    fmt::print(stderr, "method_picture: want RUN PLAIN PANEL FILE\n");
    return 2;
  }
  try {
    const fs::path run = arguments[1];
    const RunResult result =
        parse_result(read_file(run / "result.json"), (run / "result.json").string());
    const Runs runs{history_of(run), history_of(arguments[2]), result.rule};
    write_file_atomically(arguments[4], picture(runs, arguments[3]));
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
  return 0;
}
