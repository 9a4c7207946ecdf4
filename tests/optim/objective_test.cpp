#include "polder/optim/objective.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "optim/quadratic.h"
#include "optim/support.h"

namespace polder::optim {
namespace {

using testing::ElementsAre;

class QuadraticTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  static constexpr std::int64_t kSize = 7, kRows = 5;

  Vector w = random_vector(kSize, "w", GetParam());
  nn::ParameterArena arena{quadratic_weights(w)};
  QuadraticObjective objective{arena};
  Batch batch = quadratic_batch(kRows, kSize, GetParam());
  Quadratic mean = quadratic_of(batch);
  Tensor g = arena.make_flat();

  void SetUp() override {
    objective.begin_step(3, kRows);
    kernels::backend_of(g).fill(std::numeric_limits<double>::quiet_NaN(), g);
  }
  Vector found() const { return dense(arena, g); }
};
INSTANTIATE_TEST_SUITE_P(Seeds, QuadraticTest, testing::Values(1, 2, 3));

TEST_P(QuadraticTest, GradientOverwritesOrAddsWeighted) {
  const Tensor loss = objective.gradient(batch, g, {.weight = 2.5});
  EXPECT_NEAR(loss.item(), mean.value(w), 1e-12);  // the loss is not weighted
  const Vector once = mean.gradient(w);
  EXPECT_THAT(found(), Near(plus(1.5, once, once), 1e-12));
  objective.gradient(batch, g, {.weight = -1.0, .accumulate = true});
  EXPECT_THAT(found(), Near(plus(0.5, once, once), 1e-12));
}

TEST_P(QuadraticTest, HessianProductOverwritesOrAddsWeighted) {
  const Vector v = random_vector(kSize, "v", GetParam()), once = mean.times(v);
  objective.hessian_vector_product(batch, flat_of(arena, v), g, {.weight = 2.0});
  EXPECT_THAT(found(), Near(plus(1.0, once, once), 1e-12));
  objective.hessian_vector_product(batch, flat_of(arena, v), g, {.accumulate = true});
  EXPECT_THAT(found(), Near(plus(2.0, once, once), 1e-12));
}

TEST_P(QuadraticTest, PassesAreMadeAtTheActiveWeights) {
  const Vector away = random_vector(kSize, "away", GetParam());
  arena.twin().copy_from(flat_of(arena, away));
  arena.activate_twin();
  objective.gradient(batch, g);
  EXPECT_THAT(found(), Near(mean.gradient(away), 1e-12));
}

TEST_P(QuadraticTest, MicroBatchesAddUpToTheBatch) {
  const Vector v = random_vector(kSize, "v", GetParam());
  for (const std::int64_t rows : {1, 2, 4, 5, 9}) {
    SCOPED_TRACE(rows);
    objective.set_micro_batch(rows);
    EXPECT_NEAR(objective.gradient(batch, g, {.weight = 3.0}).item(), mean.value(w), 1e-12);
    EXPECT_THAT(found(), Near(plus(2.0, mean.gradient(w), mean.gradient(w)), 1e-12));
    objective.hessian_vector_product(batch, flat_of(arena, v), g);
    EXPECT_THAT(found(), Near(mean.times(v), 1e-12));
    const Vector losses = objective.losses(batch).to_vector<double>();
    ASSERT_EQ(losses.size(), 5U);
    for (std::int64_t i = 0; i < kRows; ++i)
      EXPECT_NEAR(losses[static_cast<std::size_t>(i)], quadratic_of(batch.slice(i, i + 1)).value(w),
                  1e-12);
  }
}

TEST_P(QuadraticTest, WorkIsCountedInBatchesOfTheStep) {
  Tensor out = arena.make_flat();
  objective.gradient(batch, g);
  objective.gradient(batch.slice(0, 2), g);
  objective.losses(batch.slice(1, 4));
  objective.hessian_vector_product(batch, g, out);
  EXPECT_DOUBLE_EQ(objective.work().gradients, 1.4);
  EXPECT_DOUBLE_EQ(objective.work().forwards, 0.6);
  EXPECT_DOUBLE_EQ(objective.work().hessian_products, 1.0);
  objective.begin_step(4, 10);
  objective.set_micro_batch(2);
  objective.gradient(batch, g);
  EXPECT_DOUBLE_EQ(objective.work().gradients, 1.9);
}

std::vector<bool> moves(const QuadraticObjective& objective) {
  std::vector<bool> moved;
  for (const auto& pass : objective.diary) moved.push_back(pass.moved_statistics);
  return moved;
}

TEST_P(QuadraticTest, StatisticsMoveByPolicy) {
  Tensor out = arena.make_flat();
  const auto make_passes = [&](BatchNormUpdate policy, std::int64_t micro_batch) {
    objective.diary.clear();
    objective.set_batch_norm_update(policy);
    objective.set_micro_batch(micro_batch);
    objective.begin_step(5, kRows);
    objective.gradient(batch, g, {.upper = true});
    objective.gradient(batch, g, {.move_statistics = false});
    objective.hessian_vector_product(batch, g, out);
    objective.losses(batch);
    objective.gradient(batch, g);
    return moves(objective);
  };
  EXPECT_THAT(make_passes(BatchNormUpdate::clean, 0),
              ElementsAre(false, false, false, true, false));
  EXPECT_THAT(make_passes(BatchNormUpdate::all, 0), ElementsAre(false, false, false, true, true));
  EXPECT_THAT(make_passes(BatchNormUpdate::never, 0),
              ElementsAre(false, false, false, false, false));
  EXPECT_THAT(make_passes(BatchNormUpdate::clean, 3),
              ElementsAre(false, false, false, false, false, false, true, false, false, false));
  EXPECT_THAT(make_passes(BatchNormUpdate::all, 3),
              ElementsAre(false, false, false, false, false, false, true, true, true, true));
}

TEST_P(QuadraticTest, MasksAreOnWhileTrainingAndKeyedByTheStep) {
  objective.gradient(batch, g);
  objective.gradient(batch, g, {.upper = true});
  objective.begin_step(8, kRows);
  objective.losses(batch);
  EXPECT_TRUE(objective.diary[0].masks);
  EXPECT_FALSE(objective.diary[1].masks);
  EXPECT_TRUE(objective.diary[2].masks);
  EXPECT_EQ(objective.diary[0].step, 3);
  EXPECT_EQ(objective.diary[2].step, 8);
}

// ---- weighted rows ------------------------------------------------------------------------------

TEST_P(QuadraticTest, RowsMayWeighDifferently) {
  const Vector omega = random_vector(kRows, "omega", GetParam());
  Vector expected(kSize, 0.0);
  for (std::int64_t i = 0; i < kRows; ++i)
    expected = plus(omega[static_cast<std::size_t>(i)] / kRows,
                    quadratic_of(batch.slice(i, i + 1)).gradient(w), expected);
  for (const std::int64_t micro_batch : {0, 2}) {
    objective.set_micro_batch(micro_batch);
    Tensor seen;
    const auto weights = [&](const Tensor& losses) {
      seen = losses;
      return Tensor::from(omega, {kRows});
    };
    const Tensor loss = objective.gradient(batch, g, {.row_weights = weights});
    EXPECT_THAT(found(), Near(expected, 1e-12));
    EXPECT_NEAR(loss.item(), mean.value(w), 1e-12);  // the plain mean
    EXPECT_EQ(seen.size(0), kRows);
  }
  EXPECT_DOUBLE_EQ(objective.work().gradients, 2.0);
  EXPECT_DOUBLE_EQ(objective.work().forwards, 1.0);  // in chunks the losses come first
}

TEST_P(QuadraticTest, WeightsOfOneAreThePlainGradient) {
  objective.gradient(batch, g);
  const Vector plain = found();
  objective.gradient(batch, g, {.row_weights = [](const Tensor& losses) {
                       return Tensor::from(Vector(kRows, 1.0), losses.shape());
                     }});
  EXPECT_THAT(found(), Near(plain, 0.0));
}

TEST_P(QuadraticTest, LossesComeFromTheSameForward) {
  for (const std::int64_t micro_batch : {0, 2}) {
    objective.set_micro_batch(micro_batch);
    Tensor losses;
    objective.diary.clear();
    objective.gradient(batch, g, {.losses = &losses});
    EXPECT_EQ(objective.diary.size(), micro_batch == 0 ? 1U : 3U);
    const Vector values = losses.to_vector<double>();
    for (std::int64_t i = 0; i < kRows; ++i)
      EXPECT_NEAR(values[static_cast<std::size_t>(i)], quadratic_of(batch.slice(i, i + 1)).value(w),
                  1e-12);
  }
}

// ---- branches -----------------------------------------------------------------------------------

TEST_P(QuadraticTest, WorkInABranchIsCountedWhenItRan) {
  const auto look = [&] {
    objective.gradient(batch, g);
    objective.losses(batch);
  };
  objective.gradient(batch, g);
  objective.branch(Tensor::scalar(0.0), look);
  EXPECT_DOUBLE_EQ(objective.work().gradients, 1.0);
  objective.branch(Tensor::scalar(1.0), look);
  objective.branch(Tensor::scalar(1.0), look);
  EXPECT_DOUBLE_EQ(objective.work().gradients, 3.0);
  EXPECT_DOUBLE_EQ(objective.work().forwards, 2.0);
  EXPECT_DOUBLE_EQ(objective.progress().work.gradients, 1.0);  // what the host knows
  const Objective::Progress before = objective.progress();
  objective.branch(Tensor::scalar(1.0), look);
  objective.set_progress(before);
  EXPECT_DOUBLE_EQ(objective.work().gradients, 3.0);
  objective.set_work({.gradients = 10.0});
  EXPECT_DOUBLE_EQ(objective.work().gradients, 10.0);
  EXPECT_DOUBLE_EQ(objective.work().forwards, 0.0);
}

// ---- time and chance ----------------------------------------------------------------------------

TEST_P(QuadraticTest, KnowsWhereItIsInTheCourse) {
  EXPECT_EQ(error_of([&] { objective.epoch(); }),
            "course: this objective does not know how long training is, call set_course first");
  EXPECT_EQ(error_of([&] { objective.rate(); }), "rate: begin_step was given no learning rate");
  objective.set_course({.steps = 10, .steps_per_epoch = 4, .rate_min = 0.0, .rate_max = 0.1});
  const Tensor rate = Tensor::scalar(0.07);
  objective.begin_step(6, kRows, rate);
  EXPECT_EQ(objective.epoch(), 1);
  EXPECT_EQ(objective.epochs(), 3);
  EXPECT_FALSE(objective.opens_epoch());
  EXPECT_DOUBLE_EQ(objective.elapsed().item(), 0.6);
  EXPECT_TRUE(objective.rate().shares_memory_with(rate));
  objective.begin_step(8, kRows, rate);
  EXPECT_TRUE(objective.opens_epoch());
  EXPECT_DOUBLE_EQ(objective.done(9), 0.9);
}

TEST_P(QuadraticTest, ACourseMaySayHowFarItIs) {
  double spent = 0.25;
  objective.set_course({.steps = 10, .steps_per_epoch = 4, .done = [&] { return spent; }});
  objective.begin_step(6, kRows);
  EXPECT_DOUBLE_EQ(objective.elapsed().item(), 0.25);
  spent = 0.375;
  EXPECT_DOUBLE_EQ(objective.done(7), 0.375);
  EXPECT_DOUBLE_EQ(objective.elapsed().item(), 0.25);  // of the step under way
  objective.begin_step(7, kRows);
  EXPECT_DOUBLE_EQ(objective.elapsed().item(), 0.375);
}

TEST(Objective, DrawsAreKeyedBySeedNameAndStep) {
  nn::ParameterArena arena(quadratic_weights(Vector(7, 1.0)));
  QuadraticObjective objective(arena, 11);
  objective.begin_step(6, 2);
  EXPECT_EQ(objective.draw("rule/coin"), random_key(11, "rule/coin", 6));
}

TEST(ObjectiveErrors, SayWhatWasFoundAndWanted) {
  nn::ParameterArena arena(quadratic_weights(Vector(7, 1.0)));
  QuadraticObjective objective(arena);
  const Batch batch = quadratic_batch(2, 7, 1);
  Tensor g = arena.make_flat(), narrow = Tensor::zeros({7}, DType::float64);
  EXPECT_EQ(error_of([&] { objective.gradient(batch, g); }),
            "gradient: no step is open, call begin_step first");
  EXPECT_EQ(error_of([&] { objective.begin_step(-1, 2); }),
            "begin_step: step -1 on 2 rows, want step >= 0 and rows > 0");
  objective.begin_step(0, 2);
  EXPECT_EQ(error_of([&] { objective.losses({}); }), "losses: the batch has no rows");
  EXPECT_EQ(error_of([&] { objective.gradient(batch, narrow); }),
            "gradient: flat tensor is float64 [7], the arena's are float64 [32]");
  EXPECT_EQ(error_of([&] { objective.hessian_vector_product(batch, narrow, g); }),
            "hessian_vector_product: flat tensor is float64 [7], the arena's are float64 [32]");
  EXPECT_EQ(error_of([&] { objective.set_micro_batch(-2); }),
            "set_micro_batch: -2 rows, want 0 (the whole batch) or more");
  EXPECT_EQ(error_of([&] { objective.validation_batch(); }),
            "validation_batch: this objective has no held-out validation data");
  EXPECT_EQ(error_of([&] { objective.training_set(); }),
            "training_set: this objective does not know its training samples, call "
            "set_training_set first");
  EXPECT_EQ(error_of([&] { objective.outputs(batch); }),
            "outputs: this objective is a formula without outputs");
  const auto three = [](const Tensor&) { return Tensor::from(Vector(3, 1.0), {3}); };
  EXPECT_EQ(error_of([&] { objective.gradient(batch, g, {.row_weights = three}); }),
            "gradient: row weights are float64 [3], want float64 [2]");
}

}  // namespace
}  // namespace polder::optim
