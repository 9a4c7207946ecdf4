#include <algorithm>
#include <cmath>

#include "polder/app/report/chart.h"
#include "polder/app/report/svg.h"

namespace polder::app {
namespace {

constexpr double kWidth = 440, kRow = 34, kTop = 12, kBottom = 42, kLetter = 6.7, kBoldLetter = 7.8;

struct Layout {
  double left = 0.0, right = 0.0, bottom = 0.0;
  Scale x;
};

Layout lay_out(const IntervalChart& chart) {
  double low = chart.rows[0].middle, high = low;
  std::size_t name = 0, text = 0;
  const auto add = [&](double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  };
  for (const IntervalRow& row : chart.rows) {
    for (const double value : row.values) add(value);
    for (const double value : {row.low, row.middle, row.high}) add(value);
    name = std::max(name, row.name.size());
    text = std::max(text, row.text.size());
  }
  add(chart.reference);
  const double left = std::min(14.0 + kBoldLetter * static_cast<double>(name), 0.42 * kWidth);
  const double right = kWidth - std::min(10.0 + kLetter * static_cast<double>(text), 0.36 * kWidth);
  const double bottom = kTop + kRow * static_cast<double>(chart.rows.size());
  return {left, right, bottom, Scale(low, high, left + 8, right - 8, 3, Axis::round_ends)};
}

void draw_row(SvgPicture& picture, const Layout& layout, const IntervalRow& row, double y) {
  picture.text("name", "start", 0, y + 4, row.name, row.colour);
  if (std::isfinite(row.low) && std::isfinite(row.high))
    picture.path("interval", row.colour,
                 fmt::format("M{:.1f} {:.1f}H{:.1f}", layout.x(row.low), y, layout.x(row.high)));
  for (const double value : row.values) picture.dot("seed", row.colour, layout.x(value), y, 2.6);
  picture.dot("dot", row.colour, layout.x(row.middle), y, 4.6);
  picture.text("value", "end", kWidth, y + 4, row.text);
}

}  // namespace

std::string to_svg(const IntervalChart& chart) {
  if (chart.rows.empty()) return "";
  const Layout layout = lay_out(chart);
  SvgPicture picture(chart.title, kWidth, layout.bottom + kBottom);
  for (const double tick : layout.x.ticks()) {
    picture.line("grid", layout.x(tick), kTop, layout.x(tick), layout.bottom);
    picture.text("tick", "middle", layout.x(tick), layout.bottom + 16,
                 value_text(tick, chart.format));
  }
  if (std::isfinite(chart.reference))
    picture.line("axis", layout.x(chart.reference), kTop, layout.x(chart.reference), layout.bottom);
  double y = kTop + kRow / 2;
  for (const IntervalRow& row : chart.rows) {
    draw_row(picture, layout, row, y);
    y += kRow;
  }
  picture.text("label", "end", layout.right, layout.bottom + 35, chart.x_label);
  return picture.finish();
}

}  // namespace polder::app
