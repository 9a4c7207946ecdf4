#include "polder/optim/rules/m_sharp_sam.h"

#include "optim/closed_form.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(MSharpSamClosedForm);

TEST_P(MSharpSamClosedForm, WeighsRaggedShardsBySize) {
  for (const std::int64_t m : {1, 2, 3, 5, 7}) {
    SCOPED_TRACE(m);
    Vector expected(kSize, 0.0);
    Looked total{{}, 0, 0, 0};
    std::int64_t largest = 0, smallest = kRows, covered = 0;
    objective.diary.clear();
    const Vector found = gradient_of(MSharpSam(m, 0.3));
    for (std::size_t pass = 0; pass < objective.diary.size(); pass += 2) {
      const std::int64_t rows = objective.diary[pass].rows;
      const Batch shard = batch.slice(covered, covered + rows);
      const double share = static_cast<double>(rows) / kRows;
      const Looked part = sharp_gradient(quadratic_of(shard), w, 0.3, Vector(kSize, 1.0));
      expected = plus(share, part.gradient, expected);
      total.loss += share * part.loss;
      total.perturbed_loss += share * part.perturbed_loss;
      total.norm += share * part.norm;
      covered += rows;
      largest = std::max(largest, rows);
      smallest = std::min(smallest, rows);
    }
    EXPECT_EQ(objective.diary.size(), static_cast<std::size_t>(2 * m));
    EXPECT_EQ(covered, kRows);
    EXPECT_LE(largest - smallest, 1);
    EXPECT_THAT(found, Near(expected, 1e-12));
    expect_report(total, 0.3);
  }
  EXPECT_DOUBLE_EQ(objective.work().gradients, 10.0);  // 2 for each m
}

TEST_P(MSharpSamClosedForm, StartsEveryShardAtHomeAndMovesStatisticsOnce) {
  gradient_of(MSharpSam(3, 0.3));
  for (std::size_t pass = 0; pass < 6; pass += 2) {
    EXPECT_THAT(objective.diary[pass].weights, Near(w, 0.0));
    EXPECT_NEAR(norm(plus(-1.0, w, objective.diary[pass + 1].weights)), 0.3, 1e-12);
  }
  for (std::size_t pass = 0; pass < 6; ++pass)
    EXPECT_EQ(objective.diary[pass].moved_statistics, pass == 0);
}

TEST_P(MSharpSamClosedForm, RefusesMoreShardsThanRows) {
  EXPECT_EQ(error_of([&] { gradient_of(MSharpSam(8, 0.3)); }),
            "m_sharp_sam: m is 8, but the batch has only 7 rows");
}

TEST_P(MSharpSamClosedForm, ZeroGradientStaysFiniteAndAtHome) {
  arena.home().copy_from(arena.make_flat());
  kernels::backend_of(batch.targets).fill(0.0, batch.targets);  // the minimum is at w = 0
  for (const double rho : {0.0, 0.3}) {
    EXPECT_THAT(gradient_of(MSharpSam(2, rho)), Near(Vector(kSize, 0.0), 0.0));
    for (const auto& pass : objective.diary)
      EXPECT_THAT(pass.weights, Near(Vector(kSize, 0.0), 0.0));
  }
}

}  // namespace
}  // namespace polder::optim
