#include "polder/app/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "test_support.h"

namespace polder::app {
namespace {

TEST(StudentT, AgreesWithPrintedTables) {
  struct Row {
    double probability, freedom, t;
  };
  // Two-sided 95 % and 99 % points as printed in statistical tables.
  for (const auto& [probability, freedom, t] :
       {Row{0.975, 1, 12.70620}, Row{0.975, 2, 4.302653}, Row{0.975, 3, 3.182446},
        Row{0.975, 4, 2.776445}, Row{0.975, 9, 2.262157}, Row{0.975, 30, 2.042272},
        Row{0.975, 120, 1.979930}, Row{0.995, 4, 4.604095}, Row{0.95, 10, 1.812461}}) {
    EXPECT_NEAR(student_t_quantile(probability, freedom), t, 5e-6 * t) << freedom;
    EXPECT_NEAR(student_t_quantile(1 - probability, freedom), -t, 5e-6 * t) << freedom;
  }
}

TEST(StudentT, AgreesWithClosedForms) {
  for (const double p : {0.001, 0.03, 0.4, 0.5, 0.77, 0.975, 0.9999}) {
    const double cauchy = std::tan(std::numbers::pi * (p - 0.5));
    EXPECT_NEAR(student_t_quantile(p, 1), cauchy, 1e-9 * (1 + std::abs(cauchy)));
    const double two = (2 * p - 1) / std::sqrt(2 * p * (1 - p));
    EXPECT_NEAR(student_t_quantile(p, 2), two, 1e-9 * (1 + std::abs(two)));
  }
}

TEST(Summary, MeanAndDeviation) {
  const Summary summary = summarize(std::vector<double>{2, 4, 4, 4, 5, 5, 7, 9});
  EXPECT_EQ(summary.count, 8);
  EXPECT_DOUBLE_EQ(summary.mean, 5.0);
  EXPECT_DOUBLE_EQ(summary.deviation, std::sqrt(32.0 / 7.0));
  EXPECT_EQ(summarize(std::vector<double>{3}).deviation, 0.0);
}

TEST(PairedDifference, KnownInterval) {
  // Differences 1, 2, 3, 4, 5: mean 3, s = sqrt(2.5), half width 2.776445 s / sqrt(5).
  const PairedDifference d = paired_difference(std::vector<double>{11, 22, 33, 44, 55},
                                               std::vector<double>{10, 20, 30, 40, 50});
  const double half = 2.7764451052 * std::sqrt(2.5) / std::sqrt(5.0);
  EXPECT_DOUBLE_EQ(d.mean, 3.0);
  EXPECT_NEAR(d.low, 3.0 - half, 1e-9);
  EXPECT_NEAR(d.high, 3.0 + half, 1e-9);
  EXPECT_TRUE(d.clear());
}

TEST(PairedDifference, OnePairSaysNothing) {
  const PairedDifference d = paired_difference(std::vector<double>{2}, std::vector<double>{1});
  EXPECT_EQ(d.mean, 1.0);
  EXPECT_TRUE(std::isinf(d.low) && std::isinf(d.high));
  EXPECT_FALSE(d.clear());
}

TEST(PairedDifference, RefusesUnequalNumbers) {
  EXPECT_EQ(error_of([] { paired_difference(std::vector<double>{2}, {}); }),
            "paired_difference: 1 and 0 values, wanted pairs");
}

}  // namespace
}  // namespace polder::app
