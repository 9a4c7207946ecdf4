#include "polder/optim/rules/delta_sam.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "optim/closed_form.h"
#include "optim/conformance.h"
#include "optim/reference.h"
#include "polder/optim/flat.h"
#include "polder/optim/scalars.h"

namespace polder::optim {
namespace {

using Reweight = DeltaSam::Reweight;
using Score = DeltaSam::Score;

constexpr double kNoCap = 1e9;

class DeltaSamClosedForm : public ClosedForm {
 protected:
  /// omega of one step.
  Vector weights_by(const DeltaSam::Options& options) {
    DeltaSam rule(options);
    prepare(rule);
    gradient_of(rule, at_step, batch);
    return rule.weights().to_vector<double>();
  }
  Quadratic sample(std::int64_t i) const { return quadratic_of(batch.slice(i, i + 1)); }
  /// |B| q_i / sum_j q_j
  static Vector share_of(const Vector& hardness) {
    double sum = 0.0;
    for (const double q : hardness) sum += q;
    return plus(static_cast<double>(kRows) / sum, hardness, Vector(hardness.size(), 0.0));
  }
  static void expect_within(const Vector& found, const Vector& wanted, double share) {
    for (std::size_t i = 0; i < wanted.size(); ++i)
      EXPECT_NEAR(found[i], wanted[i], share * wanted[i]) << "sample " << i;
  }
};
INSTANTIATE_TEST_SUITE_P(Seeds, DeltaSamClosedForm, testing::Values(1, 2, 3));

TEST_P(DeltaSamClosedForm, ExactHardnessIsTheNormOfEachSamplesGradient) {
  Vector norms;
  for (std::int64_t i = 0; i < kRows; ++i) norms.push_back(norm(sample(i).gradient(w)));
  EXPECT_THAT(weights_by({.omega_max = kNoCap, .score = Score::exact}),
              Near(share_of(norms), 1e-12));
}

TEST_P(DeltaSamClosedForm, ManyDrawsFindTheGradientNorms) {
  const Vector exact = weights_by({.omega_max = kNoCap, .score = Score::exact});
  expect_within(weights_by({.draws = 10000, .omega_max = kNoCap}), exact, 0.03);
}

TEST_P(DeltaSamClosedForm, FarDrawsAreBiasedByTheCurvatureAsTheFormulaSays) {
  const double mu = 1.5;
  Vector expected;
  for (std::int64_t i = 0; i < kRows; ++i) {
    const Quadratic form = sample(i);
    double trace = 0.0;
    for (std::size_t k = 0; k < kSize; ++k) trace += form.a[k * kSize + k];
    const double bias = mu * mu / 4.0 * (2.0 * inner(form.a, form.a) + trace * trace);
    const Vector g = form.gradient(w);
    expected.push_back(std::sqrt(inner(g, g) + bias));
  }
  const Vector found = weights_by({.mu = mu, .draws = 10000, .omega_max = kNoCap});
  expect_within(found, share_of(expected), 0.03);
}

TEST_P(DeltaSamClosedForm, CurvatureIsTheSecondDifferenceAlongTheNoise) {
  objective.begin_step(at_step, kRows);
  Tensor noise = arena.make_flat();
  draw_normal(arena, objective.draw("delta_sam/noise/0"), 1.0, noise);
  const Vector z = dense(arena, noise);
  Vector bends;
  for (std::int64_t i = 0; i < kRows; ++i) bends.push_back(inner(z, sample(i).times(z)));
  EXPECT_THAT(weights_by({.mu = 0.1, .omega_max = kNoCap, .score = Score::curvature}),
              Near(share_of(bends), 1e-9));
}

TEST_P(DeltaSamClosedForm, WeighsTheAscentAndOnDemandTheSecondGradient) {
  for (const Reweight reweight : {Reweight::perturbation, Reweight::both}) {
    DeltaSam rule({.rho = 0.3, .reweight = reweight});
    prepare(rule);
    const Vector found = gradient_of(rule, 0, batch);
    const Vector omega = rule.weights().to_vector<double>();
    const auto weighted = [&](const Vector& at) {
      Vector sum(kSize, 0.0);
      for (std::int64_t i = 0; i < kRows; ++i)
        sum = plus(omega[static_cast<std::size_t>(i)] / kRows, sample(i).gradient(at), sum);
      return sum;
    };
    const Vector g = weighted(w), there = plus(0.3 / norm(g), g, w);
    EXPECT_THAT(found,
                Near(reweight == Reweight::both ? weighted(there) : mean.gradient(there), 1e-11));
    EXPECT_NEAR(report.loss.item(), mean.value(w), 1e-12);
    EXPECT_NEAR(report.perturbed_loss.item(), mean.value(there), 1e-11);
  }
}

TEST_P(DeltaSamClosedForm, TheCapHoldsTheHardestSampleBackAndTheWeightsSumToTheBatch) {
  const double kCap = 1.05;
  const Vector free = weights_by({.omega_max = kNoCap, .score = Score::exact});
  const Vector capped = weights_by({.omega_max = kCap, .score = Score::exact});
  double rest = 0.0, sum = 0.0;
  for (const double omega : free) rest += std::min(omega, kCap);
  EXPECT_LT(rest, kRows);  // the cap acts
  for (std::size_t i = 0; i < free.size(); ++i) {
    EXPECT_NEAR(capped[i], std::min(free[i], kCap) * kRows / rest, 1e-12);
    sum += capped[i];
  }
  EXPECT_NEAR(sum, kRows, 1e-12);
}

TEST_P(DeltaSamClosedForm, HardnessThatIsNotFiniteOrZeroWeighsAllAlike) {
  batch.inputs.data<double>()[0] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(weights_by({}), Vector(kRows, 1.0));
  kernels::backend_of(batch.inputs).fill(0.0, batch.inputs);
  kernels::backend_of(batch.targets).fill(0.0, batch.targets);
  for (const Score score : {Score::gradient_norm, Score::curvature, Score::exact})
    EXPECT_EQ(weights_by({.score = score}), Vector(kRows, 1.0));
}

TEST_P(DeltaSamClosedForm, ScoresWithoutALoopOverSamples) {
  weights_by({.draws = 3});
  ASSERT_EQ(objective.diary.size(), 5U);  // three forwards, two gradients, whole batches all
  for (const auto& pass : objective.diary) EXPECT_EQ(pass.rows, kRows);
  EXPECT_DOUBLE_EQ(objective.work().forwards, 3.0);
  EXPECT_DOUBLE_EQ(objective.work().gradients, 2.0);
}

// ---- on a network -------------------------------------------------------------------------------

/// omega of one step on the net.
std::vector<double> weights_on(NetProblem& problem, const Batch& batch,
                               const DeltaSam::Options& options) {
  DeltaSam rule(options);
  Tensor g = problem.arena.make_flat();
  problem.objective.begin_step(0, batch.size());
  rule.gradient(problem.objective, batch, g);
  return wide(rule.weights()).to_vector<double>();
}

TEST(DeltaSam, NoisyPassesMeetTheMasksAndTheStatisticsOfTheCleanOne) {
  NetProblem problem({.dtype = DType::float64, .dropout = 0.5, .activation = "tanh"});
  const Batch batch = problem.batch(0);
  const auto exact = weights_on(problem, batch, {.omega_max = kNoCap, .score = Score::exact});
  // Other masks or other batch statistics would change losses by far more than mu.
  const auto found = weights_on(problem, batch, {.draws = 2000, .omega_max = kNoCap});
  for (std::size_t i = 0; i < exact.size(); ++i)
    EXPECT_NEAR(found[i], exact[i], 0.08 * exact[i]) << i;
}

TEST(DeltaSam, NoisyPassesMoveNoStatisticsUnderAnyPolicy) {
  for (const Score score : {Score::gradient_norm, Score::curvature, Score::exact}) {
    NetProblem problem;
    problem.objective.set_batch_norm_update(BatchNormUpdate::all);
    weights_on(problem, problem.batch(0), {.score = score});
    int moves = 0;
    for (const auto& pass : problem.objective.diary) moves += pass.moved_statistics;
    EXPECT_EQ(moves, 2);  // the two gradients that the step is made of
  }
}

TEST(DeltaSam, EqualSamplesWeighTheSame) {
  NetProblem problem({.batch_norm = false, .dropout = 0.0});
  Batch batch = problem.batch(0);
  batch.inputs.slice(4, 5).copy_from(batch.inputs.slice(9, 10));
  batch.targets.slice(4, 5).copy_from(batch.targets.slice(9, 10));
  for (const Score score : {Score::gradient_norm, Score::curvature, Score::exact}) {
    const auto omega = weights_on(problem, batch, {.mu = 0.05, .score = score});
    EXPECT_EQ(omega[4], omega[9]);
    EXPECT_NE(omega[4], omega[5]);
  }
}

TEST(DeltaSam, TheScaleOfTheLossDoesNotMatter) {
  NetProblem plain, scaled({.loss_factor = 8.0});  // a power of two: the same digits
  EXPECT_EQ(weights_on(plain, plain.batch(0), {}), weights_on(scaled, scaled.batch(0), {}));
}

TEST(DeltaSam, OnASingleSampleItIsSam) {
  const auto bits = [](const std::string& rule, const std::map<std::string, std::string>& extra) {
    Settings settings(extra);
    settings.set("rho", "0.3");
    Training training(rule, settings, {.batch_norm = false});
    for (std::int64_t t = 0; t < 10; ++t) training.step.run(training.problem.batch(t, 1), t);
    return training.weight_bits();
  };
  const auto sam = bits("sam", {});
  for (const char* score : {"gradient_norm", "curvature", "exact"})
    EXPECT_EQ(bits("delta_sam", {{"score", score}, {"reweight", "both"}}), sam) << score;
}

TEST(DeltaSam, EveryScoreAgreesWithTheReference) {
  for (const char* score : {"gradient_norm", "curvature", "exact", "uniform"})
    for (const char* reweight : {"perturbation", "both"}) {
      SCOPED_TRACE(std::string(score) + ", " + reweight);
      const Settings settings({{"rho", "0.4"},
                               {"mu", "0.05"},
                               {"omega_max", "1.5"},
                               {"score", score},
                               {"reweight", reweight}});
      EXPECT_LT(distance_to_reference("delta_sam", settings, 40), 1e-9);
    }
}

TEST(DeltaSam, RefusesWhatMakesNoSense) {
  EXPECT_EQ(error_of([] { DeltaSam({.mu = 0.0}); }),
            "delta_sam: mu is 0, want a finite number > 0");
  EXPECT_EQ(error_of([] { DeltaSam({.draws = 0}); }), "delta_sam: draws is 0, want 1 or more");
  EXPECT_EQ(error_of([] { DeltaSam({.omega_max = 0.5}); }),
            "delta_sam: omega_max is 0.5, want a number >= 1");
  EXPECT_FALSE(DeltaSam({.reweight = Reweight::both}).inexact_because().empty());
}

}  // namespace
}  // namespace polder::optim
