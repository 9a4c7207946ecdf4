#include "polder/optim/rules/au_sam.h"

#include <cmath>
#include <set>

#include "optim/closed_form.h"
#include "optim/conformance.h"
#include "optim/reference.h"

namespace polder::optim {
namespace {

/// The rule's memory, shared with it.
Tensor scores_of(AuSam& rule) {
  struct Finder : StateVisitor {
    Tensor scores;
    void visit(const std::string& name, Tensor& tensor) override {
      if (name == "scores") scores = tensor;
    }
    void visit(const std::string&, double&) override {}
    void visit(const std::string&, std::int64_t&) override {}
    void visit(const std::string&, std::vector<double>&) override {}
  } finder;
  rule.visit_state(finder);
  return finder.scores;
}

class AuSamClosedForm : public ClosedForm {
 protected:
  static constexpr std::int64_t kSamples = 15;  // the batch holds the odd positions

  AuSamClosedForm() {
    std::vector<std::int64_t> positions;
    for (std::int64_t i = 0; i < kRows; ++i) positions.push_back(2 * i + 1);
    batch.indices = Tensor::from(positions, {kRows});
    positions_ = positions;
    objective.set_training_set({kSamples, 1, {0}, {}});
  }

  void make(double fraction) {
    rule = std::make_unique<AuSam>(0.3, fraction);
    prepare(*rule);  // two steps an epoch
    scores = scores_of(*rule);
  }
  Vector row_scores() const {
    const Vector all = scores.to_vector<double>();
    Vector mine;
    for (const std::int64_t position : positions_)
      mine.push_back(all[static_cast<std::size_t>(position)]);
    return mine;
  }
  void set_row_scores(const Vector& mine) {
    Vector all(kSamples, -1.0);
    for (std::size_t i = 0; i < mine.size(); ++i)
      all[static_cast<std::size_t>(positions_[i])] = mine[i];
    scores.write(std::span<const double>(all));
  }
  /// Rows whose score step t moved.
  std::vector<std::size_t> rows_used(std::int64_t t, const Vector& before) {
    set_row_scores(before);
    gradient_of(*rule, t, batch);
    const Vector after = row_scores();
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < kRows; ++i)
      if (after[i] != before[i]) rows.push_back(i);
    return rows;
  }
  /// |l_i(w + epsilon) - l_i(w)| of rows that make up the batch of both gradients.
  Vector changes_of(const std::vector<std::size_t>& rows) const {
    Vector g(kSize, 0.0), changes;
    for (const std::size_t row : rows)
      g = plus(1.0 / static_cast<double>(rows.size()), sample(row).gradient(w), g);
    const Vector there = plus(0.3 / norm(g), g, w);
    for (const std::size_t row : rows)
      changes.push_back(std::abs(sample(row).value(there) - sample(row).value(w)));
    return changes;
  }
  Quadratic sample(std::size_t i) const {
    const auto row = static_cast<std::int64_t>(i);
    return quadratic_of(batch.slice(row, row + 1));
  }

  std::unique_ptr<AuSam> rule;
  Tensor scores;

 private:
  std::vector<std::int64_t> positions_;
};
INSTANTIATE_TEST_SUITE_P(Seeds, AuSamClosedForm, testing::Values(1, 2, 3));

TEST_P(AuSamClosedForm, EpochZeroUsesAllRowsAndStartsTheirScoresAtTheMeanChange) {
  make(0.4);
  std::vector<std::size_t> all(kRows);
  std::iota(all.begin(), all.end(), std::size_t{0});
  const Vector changes = changes_of(all);
  const double mean_change = std::accumulate(changes.begin(), changes.end(), 0.0) / kRows;
  Vector expected;
  for (const double change : changes) expected.push_back(0.9 * mean_change + 0.1 * change);
  EXPECT_THAT(gradient_of(*rule, 0, batch),
              Near(sharp_gradient(mean, w, 0.3, Vector(kSize, 1.0)).gradient, 1e-11));
  EXPECT_THAT(row_scores(), Near(expected, 1e-11));
  EXPECT_EQ(objective.diary.back().rows, kRows);
  for (double& score : expected) score *= 0.9;
  expected = plus(0.1, changes, expected);
  gradient_of(*rule, 1, batch);  // still epoch 0; w did not move
  EXPECT_THAT(row_scores(), Near(expected, 1e-11));
}

TEST_P(AuSamClosedForm, LaterEpochsMoveTheScoresOfTheSampledRowsOnly) {
  make(0.4);  // int(0.4 * 7) = 2 rows
  const Vector before{1, 2, 3, 4, 5, 6, 7};
  for (std::int64_t t = 2; t < 8; ++t) {
    const auto rows = rows_used(t, before);
    ASSERT_EQ(rows.size(), 2U);
    const Vector changes = changes_of(rows), after = row_scores();
    for (std::size_t i = 0; i < rows.size(); ++i)
      EXPECT_NEAR(after[rows[i]], 0.9 * before[rows[i]] + 0.1 * changes[i], 1e-11);
    EXPECT_EQ(objective.diary.back().rows, 2);
  }
}

TEST_P(AuSamClosedForm, ARowWithoutAScoreStandsAtTheMeanOfTheOthers) {
  make(0.9);  // 6 of 7 rows
  const Vector before{1, -1, 3, -1, 5, 6, 10};
  const auto rows = rows_used(2, before);
  const Vector changes = changes_of(rows), after = row_scores();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double start = before[rows[i]] < 0.0 ? 5.0 : before[rows[i]];
    EXPECT_NEAR(after[rows[i]], 0.9 * start + 0.1 * changes[i], 1e-11);
  }
}

TEST_P(AuSamClosedForm, RowsAreSampledWithTheChancesOfTheLaw) {
  const Vector before{0.5, -1, 3, 0, 5, 2, 7.5};  // mean 3; the second row stands there
  Vector p;
  for (const double score : before) p.push_back((score < 0.0 ? 3.0 : score) + 0.3);
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& chance : p) chance /= sum;
  for (const std::size_t k : {1U, 2U}) {
    make(static_cast<double>(k) / kRows + 0.01);
    constexpr int kDraws = 6000;
    Vector seen(kRows, 0.0);
    for (std::int64_t t = 2; t < kDraws + 2; ++t)
      for (const std::size_t row : rows_used(t, before)) seen[row] += 1.0 / kDraws;
    for (std::size_t i = 0; i < kRows; ++i) {
      double chance = p[i];  // drawn first, or second behind another row
      for (std::size_t j = 0; j < kRows && k == 2; ++j)
        if (j != i) chance += p[j] * p[i] / (1.0 - p[j]);
      EXPECT_NEAR(seen[i], chance, 4.5 * std::sqrt(chance * (1 - chance) / kDraws)) << i;
    }
  }
}

TEST_P(AuSamClosedForm, RowsThatAllScoreNothingAreSampledAlike) {
  for (const double score : {0.0, -1.0}) {
    make(0.2);
    std::set<std::size_t> seen;
    for (std::int64_t t = 2; t < 80; ++t)
      for (const std::size_t row : rows_used(t, Vector(kRows, score))) seen.insert(row);
    EXPECT_EQ(seen.size(), kRows) << score;
  }
}

TEST(AuSam, AgreesWithItsReferenceForEveryFraction) {
  for (const char* fraction : {"0.1", "0.3", "0.75", "1"})
    EXPECT_LT(
        distance_to_reference("au_sam", Settings({{"rho", "0.4"}, {"fraction", fraction}}), 50),
        1e-9)
        << fraction;
}

TEST(AuSam, ResumesItsScoresInTheMiddleOfAnEpochBitForBit) {
  Training uninterrupted("au_sam", {}), resumed("au_sam", {});
  uninterrupted.run_steps(4);  // one step into epoch 1
  Memory memory;
  memory.save(uninterrupted);
  uninterrupted.run_steps(9);
  memory.load(resumed);
  resumed.run_steps(9);
  EXPECT_EQ(uninterrupted.weight_bits(), resumed.weight_bits());
  EXPECT_EQ(bits_of(scores_of(dynamic_cast<AuSam&>(*uninterrupted.rule))),
            bits_of(scores_of(dynamic_cast<AuSam&>(*resumed.rule))));
}

TEST(AuSam, NamesThePathOfEachStep) {
  NetProblem problem;
  AuSam rule;
  const auto base = make_base_optimizer("sgd", {}, problem.arena);
  rule.prepare(problem.objective, *base);
  EXPECT_EQ(rule.phase(NetProblem::kStepsPerEpoch - 1), 0);
  EXPECT_EQ(rule.phase(NetProblem::kStepsPerEpoch), 1);
}

TEST(AuSam, RefusesWhatMakesNoSense) {
  EXPECT_EQ(error_of([] { AuSam(0.05, 1.5); }), "au_sam: fraction is 1.5, want a number in (0, 1]");
  NetProblem problem;
  AuSam rule;
  const auto base = make_base_optimizer("sgd", {}, problem.arena);
  TrainingStep step(problem.objective, rule, *base);
  Batch nameless = problem.batch(0);
  nameless.indices = {};
  EXPECT_EQ(error_of([&] { step.run(nameless, 0); }),
            "au_sam: wants batches that know the indices of their samples");
}

}  // namespace
}  // namespace polder::optim
