#include "polder/optim/flat.h"

#include <gtest/gtest.h>

#include "optim/quadratic.h"
#include "optim/support.h"
#include "polder/optim/rows.h"
#include "polder/optim/scalars.h"

namespace polder::optim {
namespace {

constexpr std::int64_t kSize = 23;

class FlatTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  Vector a = random_vector(kSize, "a", GetParam()), b = random_vector(kSize, "b", GetParam());
  nn::ParameterArena arena{quadratic_weights(a)};
  Tensor x = flat_of(arena, a), y = flat_of(arena, b);
  Vector found(const Tensor& flat) const { return dense(arena, flat); }
};
INSTANTIATE_TEST_SUITE_P(Seeds, FlatTest, testing::Values(1, 2, 3));

TEST_P(FlatTest, SumsAndMixtures) {
  EXPECT_NEAR(dot(x, y).item(), inner(a, b), 1e-12);
  EXPECT_NEAR(squared_norm(x).item(), inner(a, a), 1e-12);
  EXPECT_NEAR(norm(x).item(), norm(a), 1e-12);
  add(0.3, x, y);
  EXPECT_THAT(found(y), Near(plus(0.3, a, b), 1e-14));
  add(Tensor::scalar(-0.3), x, y);
  EXPECT_THAT(found(y), Near(b, 1e-14));
  mix(Tensor::scalar(2.0), x, Tensor::scalar(-1.0), y);
  EXPECT_THAT(found(y), Near(plus(2.0, a, plus(-1.0, b, Vector(kSize, 0.0))), 1e-14));
  scale_by(Tensor::scalar(0.25), y);
  EXPECT_THAT(found(y), Near(plus(0.5, a, plus(-0.25, b, Vector(kSize, 0.0))), 1e-14));
  multiply(x, y);
  Vector product = plus(0.5, a, plus(-0.25, b, Vector(kSize, 0.0)));
  for (std::size_t i = 0; i < product.size(); ++i) product[i] *= a[i];
  EXPECT_THAT(found(y), Near(product, 1e-14));
}

TEST_P(FlatTest, TheProjectionIsTakenOutAndNothingElse) {
  EXPECT_NEAR(projection(x, y).item(), inner(a, b) / inner(b, b), 1e-13);
  remove_projection(y, x);
  EXPECT_THAT(found(x), Near(plus(-inner(a, b) / inner(b, b), b, a), 1e-13));
  EXPECT_NEAR(dot(x, y).item(), 0.0, 1e-12);
  Tensor zero = arena.make_flat(), kept = x.clone();
  remove_projection(zero, x);
  EXPECT_EQ(bits_of(x), bits_of(kept));
  normalise(x);
  EXPECT_NEAR(norm(x).item(), 1.0, 1e-11);
  normalise(zero);
  EXPECT_THAT(found(zero), Near(Vector(kSize, 0.0), 0.0));
}

TEST_P(FlatTest, ItselfProjectedOffLeavesExactlyNothing) {
  Tensor same = x.clone();
  remove_projection(x, same);
  EXPECT_THAT(found(same), Near(Vector(kSize, 0.0), 0.0));
}

TEST_P(FlatTest, NoiseReachesEveryWeightAndNoPadding) {
  const RandomKey key = random_key(GetParam(), "noise", 4);
  Tensor noise = arena.make_flat(), chance = arena.make_flat(), ones = arena.make_flat();
  draw_normal(arena, key, 0.5, noise);
  draw_uniform(arena, key, chance);
  fill_weights(arena, 1.0, ones);
  std::int64_t weights = 0;
  for (const nn::Segment& segment : arena.segments())
    for (std::int64_t i = segment.offset; i < segment.offset + segment.shape.numel();
         ++i, ++weights) {
      EXPECT_NEAR(noise.data<double>()[i], 0.5 * normal(key, static_cast<std::uint64_t>(i)), 1e-14);
      EXPECT_EQ(chance.data<double>()[i], uniform(key, static_cast<std::uint64_t>(i)));
      EXPECT_EQ(ones.data<double>()[i], 1.0);
    }
  EXPECT_EQ(weights, kSize);
  EXPECT_EQ(squared_norm(ones).item(), kSize);  // padding is zero
  EXPECT_NEAR(squared_norm(noise).item(), inner(found(noise), found(noise)), 1e-12);
  EXPECT_NEAR(squared_norm(chance).item(), inner(found(chance), found(chance)), 1e-12);
}

TEST(Flat, KeepsOnlyTheKindsAsked) {
  NetProblem problem;
  Tensor flat = problem.arena.make_flat();
  fill_weights(problem.arena, 1.0, flat);
  keep_only(problem.arena, {nn::SegmentKind::norm_scale, nn::SegmentKind::norm_shift}, flat);
  EXPECT_EQ(squared_norm(flat).item(), 2 * 17);
}

TEST(Scalars, QuotientsOfNothingAndComparisons) {
  const auto of = [](double value) { return Tensor::scalar(value); };
  EXPECT_EQ(share(of(0.0), of(0.0)).item(), 0.0);
  EXPECT_EQ(share(of(3.0), of(2.0)).item(), 1.5);
  EXPECT_EQ(at_least(of(2.0), of(2.0)).item(), 1.0);
  EXPECT_EQ(at_least(of(1.999), of(2.0)).item(), 0.0);
  EXPECT_EQ(at_least(of(NAN), of(2.0)).item(), 1.0);
  EXPECT_EQ(larger(of(1.0), of(2.0)).item(), 2.0);
  EXPECT_EQ(smaller(of(1.0), of(2.0)).item(), 1.0);
  EXPECT_EQ(constant(0.7, kCpu).item(), 0.7);
}

TEST(Rows, SharesOfRows) {
  EXPECT_EQ(share_of_rows(0.5, 7), 3);
  EXPECT_EQ(share_of_rows(1.0, 7), 7);
  EXPECT_EQ(share_of_rows(0.01, 7), 1);
  EXPECT_EQ(mean(Tensor::from(Vector{1, 2, 6}, {3})).item(), 3.0);
  EXPECT_EQ(error_of([] {
              largest(Tensor::from(Vector{1, 2}, {2}), 3);
            }),
            "largest: 3 rows of 2, want at least 1 and no more");
  EXPECT_EQ(largest(Tensor::from(Vector{1, 5, 2}, {3}), 2).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{1, 2}));
}

TEST(Rows, GatherAndPutAreInverse) {
  Tensor table = Tensor::from(Vector{1, 2, 3, 4, 5, 6}, {3, 2});
  const Tensor index = Tensor::from(std::vector<std::int64_t>{2, 0}, {2});
  Tensor rows = gather_rows(table, index);
  EXPECT_EQ(rows.to_vector<double>(), (Vector{5, 6, 1, 2}));
  kernels::backend_of(rows).affine(rows, 10.0, 0.0, rows);
  put_rows(rows, index, table);
  EXPECT_EQ(table.to_vector<double>(), (Vector{10, 20, 3, 4, 50, 60}));
}

}  // namespace
}  // namespace polder::optim
