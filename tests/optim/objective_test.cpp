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
}

}  // namespace
}  // namespace polder::optim
