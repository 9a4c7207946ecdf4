#include "polder/app/report/chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "polder/app/metrics.h"
#include "polder/app/report/svg.h"

namespace polder::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Scale, TicksAreRoundAndInside) {
  std::mt19937_64 numbers(3);
  std::uniform_real_distribution<double> exponent(-12, 12), shift(-3, 3);
  for (int trial = 0; trial < 500; ++trial) {
    const double size = std::pow(10.0, exponent(numbers));
    const double low = shift(numbers) * size, high = low + size;
    for (const Axis axis : {Axis::round_ends, Axis::fixed_ends}) {
      const Scale scale(low, high, 10, 300, 5, axis);
      SCOPED_TRACE(testing::Message() << low << " to " << high);
      EXPECT_GE(scale.ticks().size(), 2U);
      EXPECT_LE(scale.ticks().size(), 9U);
      EXPECT_TRUE(std::is_sorted(scale.ticks().begin(), scale.ticks().end()));
      for (const double tick : scale.ticks()) {
        EXPECT_GE(scale(tick), 10 - 1e-6);
        EXPECT_LE(scale(tick), 300 + 1e-6);
      }
      EXPECT_LE(scale.low(), low);
      EXPECT_GE(scale.high(), high);
    }
  }
}

TEST(Scale, LogarithmicPutsEqualRatiosAtEqualDistances) {
  const Scale scale(0.001, 10, 0, 400, 5, Axis::logarithmic);
  EXPECT_NEAR(scale(0.1) - scale(0.01), scale(1) - scale(0.1), 1e-9);
  for (const double tick : {0.001, 0.01, 0.1, 1.0, 10.0})
    EXPECT_TRUE(std::any_of(scale.ticks().begin(), scale.ticks().end(), [&](double t) {
      return std::abs(t / tick - 1) < 1e-9;
    })) << tick;
}

TEST(Scale, OneValueStillHasAnAxis) {
  for (const double value : {0.0, 0.05, -3.0}) {
    const Scale scale(value, value, 0, 100, 5, Axis::round_ends);
    EXPECT_TRUE(std::isfinite(scale(value)));
    EXPECT_LT(scale.low(), scale.high());
  }
}

TEST(Scale, ValuesARoundingErrorApartAreOneValue) {
  for (const double value : {0.05, 1e9, -3.0}) {
    const double next = std::nextafter(value, 1e10);
    for (const Axis axis : {Axis::round_ends, Axis::fixed_ends}) {
      const Scale scale(value, next, 0, 100, 5, axis);
      EXPECT_LT(scale.ticks().size(), 12U);
      EXPECT_TRUE(std::isfinite(scale(value)));
    }
  }
}

TEST(ValueText, IsShort) {
  EXPECT_EQ(value_text(0), "0");
  EXPECT_EQ(value_text(0.25), "0.25");
  EXPECT_EQ(value_text(15000), "15k");
  EXPECT_EQ(value_text(2500000), "2.5M");
  EXPECT_EQ(value_text(1e-5), "1e-5");
  EXPECT_EQ(value_text(-2.5e-4), "-2.5e-4");
  EXPECT_EQ(value_text(0.875, ValueFormat::percent), "87.5 %");
}

TEST(Chart, LeavesOutWhatIsNotFiniteAndEscapesNames) {
  const Chart chart{.title = "a < b",
                    .series = {{.name = "x & y", .x = {0, 1, 2, 3}, .y = {1, kNotMeasured, 3, 2}}}};
  const std::string svg = to_svg(chart);
  EXPECT_THAT(svg, HasSubstr("x &amp; y"));
  EXPECT_THAT(svg, HasSubstr("a &lt; b"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_EQ(to_svg(Chart{.series = {{.x = {0}, .y = {kNotMeasured}}}}), "");
  EXPECT_EQ(to_svg(Chart{}), "");
}

TEST(Chart, TakesBackALogarithmThatCannotBe) {
  Chart chart{.logarithmic = true, .series = {{.x = {0, 1}, .y = {0, 10}}}};
  EXPECT_THAT(to_svg(chart), Not(HasSubstr("nan")));
  EXPECT_THAT(to_svg(chart), Not(HasSubstr("inf")));
}

TEST(Smoothed, KeepsMeanAndSpread) {
  Series noisy;
  for (int i = 0; i < 1600; ++i) {
    noisy.x.push_back(i);
    noisy.y.push_back(i % 2 == 0 ? 1.0 : 3.0);
  }
  const Series calm = smoothed(noisy);
  EXPECT_LE(calm.x.size(), 200U);
  for (std::size_t i = 0; i < calm.x.size(); ++i) {
    EXPECT_DOUBLE_EQ(calm.y[i], 2.0);
    EXPECT_DOUBLE_EQ(calm.low[i], 1.0);
    EXPECT_DOUBLE_EQ(calm.high[i], 3.0);
  }
  const Series few{.x = {1, 2}, .y = {5, 6}};
  EXPECT_EQ(smoothed(few).y, few.y);
}

TEST(Escaped, LeavesNoMarkup) {
  EXPECT_EQ(escaped("<a href=\"x\">'&'</a>"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
}

}  // namespace
}  // namespace polder::app
