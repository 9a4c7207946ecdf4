#pragma once

#include <string>
#include <vector>

#include "polder/app/report/scale.h"

namespace polder::app {

enum class Mark { line, dashed, points };

/// One curve. Points that are not finite are left out.
struct Series {
  std::string name{};  // written at the curve's end; empty: no label
  std::vector<double> x{}, y{};
  std::vector<double> low{}, high{};  // a band around the curve, bars at points, or empty
  int colour = 0;                     // index into the page's palette: 0 ... kColours - 1, kMuted
  Mark mark = Mark::line;
};
inline constexpr int kColours = 8;
inline constexpr int kMuted = kColours;  // for what stays in the background

struct Chart {
  std::string title{};  // read out by screen readers
  std::string x_label{}, y_label{};
  ValueFormat y_format = ValueFormat::number;
  bool logarithmic = false;  // taken back when a value is not positive
  bool zero_line = false;    // 0 belongs to the picture
  std::vector<Series> series{};
};

/// A chart as inline SVG that scales with its box and takes its colours from the page's CSS.
/// "" when no series has a finite point.
std::string to_svg(const Chart& chart);

/// Averages of neighbouring points, with their spread as the band: what a noisy curve says.
/// Curves with few points stay as they are.
Series smoothed(const Series& series);

/// True when the positive values span so much that only a logarithmic axis shows them.
bool wants_logarithm(const std::vector<Series>& series, double ratio);

/// One row of an interval chart: single values, and their mean or an interval.
struct IntervalRow {
  std::string name{};
  std::vector<double> values{};  // small dots
  double middle = 0.0;           // large dot
  double low = 0.0, high = 0.0;
  int colour = 0;
  std::string text{};  // at the right
};

/// Rows under each other along one horizontal axis, with a line at `reference` when it is finite.
struct IntervalChart {
  std::string title{}, x_label{};
  ValueFormat format = ValueFormat::percent;
  double reference = 0.0;
  std::vector<IntervalRow> rows{};
};
std::string to_svg(const IntervalChart& chart);

}  // namespace polder::app
