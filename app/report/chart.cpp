#include "polder/app/report/chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "polder/app/report/svg.h"

namespace polder::app {
namespace {

constexpr double kWidth = 440, kHeight = 264;
constexpr double kTop = 30, kBottom = 40, kLetter = 6.7, kBoldLetter = 7.8, kLineSpacing = 15;

constexpr std::size_t kLongestName = 17;  // letters of a curve's name before it is cut

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

Range x_range(const std::vector<Series>& series) {
  Range range;
  for (const Series& one : series)
    for (std::size_t i = 0; i < one.x.size(); ++i)
      if (std::isfinite(one.y[i])) range.add(one.x[i]);
  return range;
}

Range y_range(const std::vector<Series>& series) {
  Range range;
  for (const Series& one : series)
    for (const auto* values : {&one.y, &one.low, &one.high})
      for (const double value : *values) range.add(value);
  return range;
}

std::size_t letters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string shortened(std::string_view name) {
  if (letters(name) <= kLongestName) return std::string(name);
  return std::string(name.substr(0, kLongestName - 1)) + "…";
}

/// The box that the curves live in.
struct Plot {
  const Chart& chart;
  double left = 0.0, right = 0.0;
  Scale x, y;
};

double right_margin(const Chart& chart) {
  std::size_t longest = 0;
  for (const Series& one : chart.series) longest = std::max(longest, letters(one.name));
  return longest == 0 ? 14.0
                      : 16.0 + kBoldLetter * static_cast<double>(std::min(longest, kLongestName));
}

double left_margin(const Scale& y, ValueFormat format) {
  std::size_t longest = 1;
  for (const double tick : y.ticks())
    longest = std::max(longest, letters(value_text(tick, format)));
  return 12.0 + kLetter * static_cast<double>(longest);
}

Plot make_plot(const Chart& chart) {
  Range y = y_range(chart.series);
  if (chart.zero_line) y.add(0.0);
  const bool logarithmic = chart.logarithmic && y.low > 0.0;
  const Range x = x_range(chart.series);
  const Scale y_scale(y.low, y.high, kHeight - kBottom, kTop, 5,
                      logarithmic ? Axis::logarithmic : Axis::round_ends);
  const double left = left_margin(y_scale, chart.y_format);
  const double right = kWidth - right_margin(chart);
  const bool points = std::any_of(chart.series.begin(), chart.series.end(),
                                  [](const Series& one) { return one.mark == Mark::points; });
  const double room = points ? 0.06 * (x.high - x.low) : 0.0;  // a point is more than its middle
  const double first = x.low < 0.1 * x.high ? 0.0 : x.low - room;
  return {chart, left, right, Scale(first, x.high + room, left, right, 5, Axis::fixed_ends),
          y_scale};
}

void draw_axes(SvgPicture& picture, const Plot& plot) {
  for (const double tick : plot.y.ticks()) {
    const double y = plot.y(tick);
    const bool zero = plot.chart.zero_line && tick == 0.0;
    picture.line(zero ? "axis" : "grid", plot.left, y, plot.right, y);
    picture.text("tick", "end", plot.left - 6, y + 4, value_text(tick, plot.chart.y_format));
  }
  const double bottom = kHeight - kBottom;
  picture.line("axis", plot.left, bottom, plot.right, bottom);
  for (const double tick : plot.x.ticks()) {
    picture.line("axis", plot.x(tick), bottom, plot.x(tick), bottom + 4);
    picture.text("tick", "middle", plot.x(tick), bottom + 17, value_text(tick));
  }
  picture.text("label", "start", 0, 13, plot.chart.y_label);
  picture.text("label", "end", plot.right, kHeight - 6, plot.chart.x_label);
}

/// "M" moves to the point, "L" draws a line to it.
std::string go(char command, const Plot& plot, double x, double y) {
  return fmt::format("{}{:.1f} {:.1f}", command, plot.x(x), plot.y(y));
}

/// Upright bars from low to high.
void draw_bars(SvgPicture& picture, const Plot& plot, const Series& series) {
  for (std::size_t i = 0; i < series.x.size(); ++i)
    if (std::isfinite(series.low[i]) && std::isfinite(series.high[i]))
      picture.path(
          "interval", series.colour,
          go('M', plot, series.x[i], series.low[i]) + go('L', plot, series.x[i], series.high[i]));
}

void draw_band(SvgPicture& picture, const Plot& plot, const Series& series) {
  if (series.low.empty()) return;
  if (series.mark == Mark::points) return draw_bars(picture, plot, series);
  std::string upper, lower;
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    if (!std::isfinite(series.low[i]) || !std::isfinite(series.high[i])) continue;
    upper += go(upper.empty() ? 'M' : 'L', plot, series.x[i], series.high[i]);
    lower.insert(0, go('L', plot, series.x[i], series.low[i]));
  }
  if (!upper.empty()) picture.path("band", series.colour, upper + lower + "Z");
}

void draw_curve(SvgPicture& picture, const Plot& plot, const Series& series) {
  std::string commands;
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    if (!std::isfinite(series.y[i])) continue;
    if (series.mark == Mark::points)
      picture.dot("dot", series.colour, plot.x(series.x[i]), plot.y(series.y[i]), 3.2);
    commands += go(commands.empty() ? 'M' : 'L', plot, series.x[i], series.y[i]);
  }
  if (series.mark == Mark::points || commands.empty()) return;
  picture.path(series.mark == Mark::dashed ? "curve dashed" : "curve", series.colour, commands);
  if (commands.find('L') == std::string::npos) {  // a single point shows as a dot
    const auto x = std::stod(commands.substr(1)),
               y = std::stod(commands.substr(commands.find(' ')));
    picture.dot("dot", series.colour, x, y, 3.2);
  }
}

struct EndLabel {
  std::string_view name;
  int colour;
  double y;
};

/// Pushes labels apart, keeping their order and, where there is room, their places.
void spread_apart(std::vector<EndLabel>& labels, double top, double bottom) {
  std::sort(labels.begin(), labels.end(),
            [](const EndLabel& a, const EndLabel& b) { return a.y < b.y; });
  double lowest = top;
  for (EndLabel& label : labels) {
    label.y = std::max(label.y, lowest);
    lowest = label.y + kLineSpacing;
  }
  double highest = bottom;
  for (auto label = labels.rbegin(); label != labels.rend(); ++label) {
    label->y = std::min(label->y, highest);
    highest = label->y - kLineSpacing;
  }
}

void draw_end_labels(SvgPicture& picture, const Plot& plot) {
  std::vector<EndLabel> labels;
  for (const Series& series : plot.chart.series) {
    if (series.name.empty()) continue;
    for (std::size_t i = series.y.size(); i-- > 0;) {
      if (!std::isfinite(series.y[i])) continue;
      labels.push_back({series.name, series.colour, plot.y(series.y[i])});
      break;
    }
  }
  spread_apart(labels, kTop, kHeight - kBottom);
  for (const EndLabel& label : labels)
    picture.text("name", "start", plot.right + 7, label.y + 4, shortened(label.name), label.colour);
}

}  // namespace

std::string to_svg(const Chart& chart) {
  if (x_range(chart.series).empty()) return "";
  const Plot plot = make_plot(chart);
  SvgPicture picture(chart.title, kWidth, kHeight);
  draw_axes(picture, plot);
  for (const Series& series : chart.series) draw_band(picture, plot, series);
  for (const Series& series : chart.series) draw_curve(picture, plot, series);
  draw_end_labels(picture, plot);
  return picture.finish();
}

Series smoothed(const Series& series) {
  const std::size_t bucket =
      std::max(series.x.size() / 160, std::min<std::size_t>(8, series.x.size() / 24));
  if (bucket < 2) return series;
  Series result = series;
  result.x.clear();
  result.y.clear();
  for (std::size_t begin = 0; begin < series.x.size(); begin += bucket) {
    const std::size_t end = std::min(begin + bucket, series.x.size());
    double x = 0.0, y = 0.0;
    Range range;
    for (std::size_t i = begin; i < end; ++i) {
      x += series.x[i];
      y += series.y[i];
      range.add(series.y[i]);
    }
    const auto count = static_cast<double>(end - begin);
    result.x.push_back(x / count);
    result.y.push_back(y / count);
    result.low.push_back(range.low);
    result.high.push_back(range.high);
  }
  return result;
}

bool wants_logarithm(const std::vector<Series>& series, double ratio) {
  const Range range = y_range(series);
  return !range.empty() && range.low > 0.0 && range.high > ratio * range.low;
}

}  // namespace polder::app
