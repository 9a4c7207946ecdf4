#include "polder/optim/rules/k_sam.h"

#include <algorithm>

#include "optim/closed_form.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(KSamClosedForm);

TEST_P(KSamClosedForm, BothGradientsSeeTheHardestRowsOnly) {
  std::vector<std::pair<double, std::int64_t>> hardest;  // minus the loss, the row
  for (std::int64_t i = 0; i < kRows; ++i)
    hardest.emplace_back(-quadratic_of(batch.slice(i, i + 1)).value(w), i);
  std::sort(hardest.begin(), hardest.end());
  for (const double fraction : {0.1, 0.3, 0.5, 0.9, 1.0}) {
    SCOPED_TRACE(fraction);
    const auto k = std::max<std::size_t>(1, static_cast<std::size_t>(fraction * kRows));
    Vector g(kSize, 0.0), expected(kSize, 0.0);
    const double share = 1.0 / static_cast<double>(k);
    for (std::size_t i = 0; i < k; ++i) {
      const std::int64_t row = hardest[i].second;
      g = plus(share, quadratic_of(batch.slice(row, row + 1)).gradient(w), g);
    }
    const Vector there = plus(0.3 / norm(g), g, w);
    for (std::size_t i = 0; i < k; ++i) {
      const std::int64_t row = hardest[i].second;
      expected = plus(share, quadratic_of(batch.slice(row, row + 1)).gradient(there), expected);
    }
    EXPECT_THAT(gradient_of(KSam(0.3, fraction)), Near(expected, 1e-12));
  }
}

TEST_P(KSamClosedForm, AShareOutsideItsRangeIsRefused) {
  EXPECT_EQ(error_of([] { KSam(0.05, 1.5); }), "k_sam: fraction is 1.5, want a number in (0, 1]");
  EXPECT_THROW(KSam(0.05, 0.0), Error);
}

}  // namespace
}  // namespace polder::optim
