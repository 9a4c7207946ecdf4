#include "polder/optim/rules/esam.h"

#include <algorithm>
#include <numeric>

#include "optim/closed_form.h"
#include "optim/reference.h"

namespace polder::optim {
namespace {

using Mask = Esam::Mask;

POLDER_CLOSED_FORM(EsamClosedForm);

TEST_P(EsamClosedForm, TakesTheSecondGradientOnTheRowsThatRoseMost) {
  const Vector g = mean.gradient(w), there = plus(0.4 / norm(g), g, w);
  Vector rise;
  for (std::int64_t i = 0; i < kRows; ++i) {
    const Quadratic row = quadratic_of(batch.slice(i, i + 1));
    rise.push_back(row.value(there) - row.value(w));
  }
  std::vector<std::size_t> order(kRows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return rise[a] > rise[b]; });
  Vector expected(kSize, 0.0);
  for (std::size_t k = 0; k < 3; ++k) {  // int(0.5 * 7) rows
    const auto row = static_cast<std::int64_t>(order[k]);
    expected = plus(1.0 / 3.0, quadratic_of(batch.slice(row, row + 1)).gradient(there), expected);
  }
  EXPECT_THAT(gradient_of(Esam(0.4, 1.0, 0.5, Mask::segment)), Near(expected, 1e-11));
  EXPECT_NEAR(report.perturbed_loss.item(), mean.value(there), 1e-11);
  EXPECT_DOUBLE_EQ(objective.work().gradients, 1.0 + 3.0 / 7.0);
  EXPECT_DOUBLE_EQ(objective.work().forwards, 1.0);
  EXPECT_EQ(objective.diary.back().rows, 3);
}

TEST_P(EsamClosedForm, PerturbsADrawOfTheWeightsAtTheFullLength) {
  for (const Mask mask : {Mask::segment, Mask::coordinate}) {
    const Vector g = mean.gradient(w);
    int disabled = 0, seen = 0;
    for (at_step = 0; at_step < 40; ++at_step) {
      objective.diary.clear();
      gradient_of(Esam(0.4, 0.6, 1.0, mask));
      const Vector epsilon = plus(-1.0, w, objective.diary[1].weights);
      const auto off = std::count(epsilon.begin(), epsilon.end(), 0.0);
      disabled += static_cast<int>(off);
      seen += kSize;
      if (off == kSize) continue;
      EXPECT_NEAR(norm(epsilon), 0.4 / 0.6, 1e-11);
      double length = 0.0;  // of m g
      for (std::size_t i = 0; i < g.size(); ++i) length += epsilon[i] != 0.0 ? g[i] * g[i] : 0.0;
      for (std::size_t i = 0; i < g.size(); ++i)
        if (epsilon[i] != 0.0) {
          EXPECT_NEAR(epsilon[i], 0.4 / 0.6 * g[i] / std::sqrt(length), 1e-11);
        }
      if (mask == Mask::segment) {
        EXPECT_TRUE(off == 0 || off == kSize / 2 || off == kSize - kSize / 2);
      }
    }
    EXPECT_NEAR(disabled, 0.4 * seen, 0.25 * seen);
    EXPECT_GT(disabled, 0);
  }
}

TEST(Esam, AgreesWithItsReferenceUnderEitherMask) {
  for (const char* mask : {"segment", "coordinate"})
    for (const char* gamma : {"0.3", "1"})
      EXPECT_LT(distance_to_reference(
                    "esam", Settings({{"rho", "0.4"}, {"gamma", gamma}, {"mask", mask}}), 50),
                1e-9)
          << mask << " " << gamma;
}

TEST(Esam, RefusesWhatMakesNoSense) {
  EXPECT_EQ(error_of([] { Esam(0.1, 0.0, 0.5, Mask::segment); }),
            "esam: beta is 0, want a number in (0, 1]");
  EXPECT_EQ(error_of([] { Esam(0.1, 1.0, 1.5, Mask::segment); }),
            "esam: gamma is 1.5, want a number in (0, 1]");
}

}  // namespace
}  // namespace polder::optim
