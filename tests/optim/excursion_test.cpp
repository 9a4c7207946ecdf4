#include "polder/optim/excursion.h"

#include <gtest/gtest.h>

#include "optim/quadratic.h"
#include "optim/support.h"

namespace polder::optim {
namespace {

constexpr std::int64_t kSize = 11;

class ExcursionTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  Vector w = random_vector(kSize, "w", GetParam());
  Vector g = random_vector(kSize, "g", GetParam());
  nn::ParameterArena arena{quadratic_weights(w)};
  QuadraticObjective objective{arena};
  Batch batch = quadratic_batch(3, kSize, GetParam());
  Tensor gradient = flat_of(arena, g);

  void SetUp() override { objective.begin_step(0, 3); }

  Vector epsilon() { return plus(-1.0, dense(arena, arena.home()), dense(arena, arena.twin())); }
};
INSTANTIATE_TEST_SUITE_P(Seeds, ExcursionTest, testing::Values(1, 2, 3));

TEST_P(ExcursionTest, AscentIsTheGradientAtLengthRho) {
  const Ascent ascent = ascend(arena, gradient, Tensor::scalar(0.3));
  EXPECT_NEAR(ascent.norm.item(), norm(g), 1e-12);
  EXPECT_NEAR(ascent.squared_norm.item(), inner(g, g), 1e-12);
  EXPECT_NEAR(ascent.scale.item(), 0.3 / norm(g), 1e-12);
  const Excursion away(objective, ascent);
  EXPECT_THAT(epsilon(), Near(plus(0.3 / norm(g), g, Vector(kSize, 0.0)), 1e-12));
  EXPECT_NEAR(norm(epsilon()), 0.3, 1e-12);
}

TEST_P(ExcursionTest, AdaptiveAscentHasLengthRhoInUnitsOfT) {
  const double xi = 0.01;
  const Excursion away(objective,
                       ascend(arena, gradient, Tensor::scalar(0.5), {.adaptive = true, .xi = xi}));
  Vector stretched = g, scaled = epsilon();
  for (std::size_t i = 0; i < w.size(); ++i) {
    stretched[i] *= std::abs(w[i]) + xi;
    scaled[i] /= std::abs(w[i]) + xi;
  }
  EXPECT_THAT(scaled, Near(plus(0.5 / norm(stretched), stretched, Vector(kSize, 0.0)), 1e-12));
  EXPECT_NEAR(norm(scaled), 0.5, 1e-12);
}

TEST_P(ExcursionTest, OneRadiusPerSegmentScalesEachSegmentUnderOneNorm) {
  const Excursion away(objective, ascend(arena, gradient, Tensor::from(Vector{0.3, 0.7}, {2})));
  Vector expected = g;
  for (std::size_t i = 0; i < g.size(); ++i) expected[i] *= (i < kSize / 2 ? 0.3 : 0.7) / norm(g);
  EXPECT_THAT(epsilon(), Near(expected, 1e-12));
}

TEST_P(ExcursionTest, AscentRefusesWhatDoesNotFitTheArena) {
  EXPECT_EQ(error_of([&] { ascend(arena, gradient, Tensor::from(Vector(3, 0.1), {3})); }),
            "ascend: rho is [3], want [] or one radius for each segment [2]");
  EXPECT_EQ(error_of([&] { ascend(arena, Tensor::zeros({11}), Tensor::scalar(0.1)); }),
            "ascend: direction is float32 [11], the arena's weights are float64 [32]");
}

TEST_P(ExcursionTest, LooksFromAwayAndComesHomeBitForBit) {
  const auto before = bits_of(arena.home());
  const Vector there = plus(0.3 / norm(g), g, w);
  {
    Excursion away(objective, ascend(arena, gradient, Tensor::scalar(0.3)));
    EXPECT_TRUE(arena.at_twin());
    Tensor out = arena.make_flat();
    EXPECT_NEAR(away.gradient(batch, out).item(), quadratic_of(batch).value(there), 1e-12);
    EXPECT_THAT(dense(arena, out), Near(quadratic_of(batch).gradient(there), 1e-12));
  }
  EXPECT_FALSE(arena.at_twin());
  EXPECT_EQ(bits_of(arena.home()), before);
  EXPECT_THAT(dense(arena, arena.active()), Near(w, 0.0));
}

TEST_P(ExcursionTest, ShiftStartsFromHome) {
  Excursion away(objective, ascend(arena, gradient, Tensor::scalar(0.3)));
  away.shift(Tensor::scalar(-2.0));
  EXPECT_THAT(epsilon(), Near(plus(-2.0, g, Vector(kSize, 0.0)), 1e-12));
}

TEST_P(ExcursionTest, AnyDirectionUnderAnyLength) {
  const Vector x = random_vector(kSize, "x", GetParam());
  const Tensor direction = flat_of(arena, x), squared = Tensor::scalar(4.0);
  const Ascent ascent = ascend_along(arena, direction, squared, Tensor::scalar(0.3), -1.5);
  EXPECT_NEAR(ascent.norm.item(), 2.0, 1e-15);
  EXPECT_NEAR(ascent.unit.item(), -0.75, 1e-12);
  EXPECT_FALSE(ascent.clean.defined());
  Excursion away(objective, ascent);
  EXPECT_THAT(epsilon(), Near(plus(-0.225, x, Vector(kSize, 0.0)), 1e-12));
  away.jump(displace(arena, direction, Tensor::scalar(0.4)));
  EXPECT_THAT(epsilon(), Near(plus(0.4, x, Vector(kSize, 0.0)), 1e-12));
  EXPECT_EQ(away.ascent().unit.item(), 1.0);
  away.jump(opposite(away.ascent()));
  EXPECT_THAT(epsilon(), Near(plus(-0.4, x, Vector(kSize, 0.0)), 1e-12));
  EXPECT_EQ(away.ascent().unit.item(), -1.0);
}

TEST_P(ExcursionTest, FactorOneIsThePlainAscentBitForBit) {
  const Ascent plain = ascend(arena, gradient, Tensor::scalar(0.3));
  const Ascent along = ascend_along(arena, gradient, plain.squared_norm, Tensor::scalar(0.3));
  EXPECT_EQ(bits_of(along.scale), bits_of(plain.scale));
  EXPECT_TRUE(plain.clean.shares_memory_with(gradient));
}

TEST_P(ExcursionTest, GoesOnFromWhereItStands) {
  const auto before = bits_of(arena.home());
  const Vector x = random_vector(kSize, "x", GetParam());
  const Tensor direction = flat_of(arena, x);
  {
    Excursion away(objective, ascend(arena, gradient, Tensor::scalar(0.3)));
    away.go_on(displace(arena, direction, Tensor::scalar(0.5)));
    away.go_on(displace(arena, direction, Tensor::scalar(-0.1)));
    EXPECT_THAT(epsilon(), Near(plus(0.3 / norm(g), g, plus(0.4, x, Vector(kSize, 0.0))), 1e-12));
    EXPECT_EQ(error_of([&] { away.shift(Tensor::scalar(1.0)); }),
              "Excursion: shift starts from w, but the rule came here in several steps; finite "
              "differences along such a path are not offered, use exact curvature");
    away.jump(displace(arena, direction, Tensor::scalar(0.5)));  // from w again
    away.shift(Tensor::scalar(0.2));
    EXPECT_THAT(epsilon(), Near(plus(0.2, x, Vector(kSize, 0.0)), 1e-12));
  }
  EXPECT_EQ(bits_of(arena.home()), before);
}

TEST_P(ExcursionTest, AChainedAscentMeasuresTheMetricWhereItStands) {
  Excursion away(objective, displace(arena, gradient, Tensor::scalar(0.5)));
  const Vector there = plus(0.5, g, w);
  Vector stretched = g;
  for (std::size_t i = 0; i < g.size(); ++i) stretched[i] *= std::abs(there[i]);
  const Ascent ascent = ascend(arena, gradient, Tensor::scalar(0.3), {.adaptive = true});
  EXPECT_NEAR(ascent.norm.item(), norm(stretched), 1e-12);
  away.go_on(ascent);
  Vector expected = plus(0.5, g, Vector(kSize, 0.0));
  for (std::size_t i = 0; i < g.size(); ++i)
    expected[i] += 0.3 / norm(stretched) * there[i] * there[i] * g[i];
  EXPECT_THAT(epsilon(), Near(expected, 1e-12));
}

TEST_P(ExcursionTest, LooksHomeInBetween) {
  Excursion away(objective, ascend(arena, gradient, Tensor::scalar(0.3)));
  away.at_home([&] {
    EXPECT_TRUE(arena.at_home());
    objective.gradient(batch, gradient);
  });
  EXPECT_TRUE(arena.at_twin());
  EXPECT_THAT(objective.diary.back().weights, Near(w, 0.0));
}

TEST_P(ExcursionTest, ComesHomeWhenAnExceptionFlies) {
  const auto before = bits_of(arena.home());
  objective.fail_at = 0;
  EXPECT_THROW(
      Excursion(objective, ascend(arena, gradient, Tensor::scalar(0.3))).gradient(batch, gradient),
      std::runtime_error);
  EXPECT_FALSE(arena.at_twin());
  EXPECT_EQ(bits_of(arena.home()), before);
}

TEST_P(ExcursionTest, OnlyOneAtATime) {
  const Ascent ascent = ascend(arena, gradient, Tensor::scalar(0.3));
  const Excursion away(objective, ascent);
  EXPECT_EQ(error_of([&] { const Excursion further(objective, ascent); }),
            "Excursion: the weights are already away from home, one excursion at a time");
  EXPECT_TRUE(arena.at_twin());  // the first one goes on
}

/// Writes down what it is told, and where the weights are then.
class Diary : public ExcursionObserver {
 public:
  void arrived(Excursion& excursion, const Batch& rows, double share) override {
    note("arrived", excursion, rows, share, excursion.ascent().direction);
  }
  void looked(Excursion& excursion, const Batch& rows, double share, const Tensor& g) override {
    note("looked", excursion, rows, share, g);
  }

  struct Entry {
    std::string what;
    bool away;
    std::int64_t rows;
    double share;
    Vector gradient;
  };
  std::vector<Entry> entries;

 private:
  void note(const char* what, Excursion& excursion, const Batch& rows, double share,
            const Tensor& g) {
    const nn::ParameterArena& arena = excursion.objective().arena();
    entries.push_back({what, arena.at_twin(), rows.size(), share, dense(arena, g)});
  }
};

TEST_P(ExcursionTest, TellsTheObserverBeforeAndAfterTheLook) {
  Diary diary;
  objective.set_observer(&diary);
  {
    Excursion away(objective, ascend(arena, gradient, Tensor::scalar(0.3)));
    away.gradient(batch, gradient, 0.25);  // overwrites the clean gradient
  }
  ASSERT_EQ(diary.entries.size(), 2U);
  const auto& [arrived, looked] = std::tie(diary.entries[0], diary.entries[1]);
  EXPECT_EQ(arrived.what, "arrived");
  EXPECT_THAT(arrived.gradient, Near(g, 0.0));
  EXPECT_EQ(looked.what, "looked");
  EXPECT_THAT(looked.gradient, Near(dense(arena, gradient), 0.0));
  for (const auto& entry : diary.entries) {
    EXPECT_TRUE(entry.away);
    EXPECT_EQ(entry.rows, 3);
    EXPECT_EQ(entry.share, 0.25);
  }
}

}  // namespace
}  // namespace polder::optim
