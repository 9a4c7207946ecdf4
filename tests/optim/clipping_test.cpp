#include "polder/optim/clipping.h"

#include <gtest/gtest.h>

#include "optim/quadratic.h"

namespace polder::optim {
namespace {

constexpr std::int64_t kSize = 23;

Vector clipped(const Vector& x, double limit) {
  return plus(std::min(1.0, limit / norm(x)), x, Vector(x.size(), 0.0));
}

class ClippingTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  Vector x = random_vector(kSize, "x", GetParam());
  Vector q = random_vector(kSize, "q", GetParam());

  static Tensor tensor(const Vector& values) { return Tensor::from(values, {kSize}); }
};
INSTANTIATE_TEST_SUITE_P(Seeds, ClippingTest, testing::Values(1, 2, 3));

TEST_P(ClippingTest, ShortensToTheLimitAndNeverLengthens) {
  for (const double part : {0.3, 0.999, 1.001, 7.0}) {
    SCOPED_TRACE(part);
    Tensor g = tensor(x);
    const Clipping clipping = clip_gradient(part * norm(x), g);
    EXPECT_THAT(g.to_vector<double>(), Near(clipped(x, part * norm(x)), 1e-11));
    EXPECT_NEAR(clipping.squared_norm.item(), inner(x, x), 1e-11);
  }
  Tensor g = tensor(x);
  EXPECT_FALSE(clip_gradient(0.0, g).squared_norm.defined());
  EXPECT_THAT(g.to_vector<double>(), Near(x, 0.0));
}

TEST_P(ClippingTest, DerivativeIsThatOfTheClip) {
  const double h = 1e-6;
  for (const double part : {0.3, 0.9, 1.1, 0.0}) {
    SCOPED_TRACE(part);
    const double limit = part * norm(x);
    Vector slope = q;
    if (limit > 0.0) {
      slope = plus(-1.0, clipped(plus(-h, q, x), limit), clipped(plus(h, q, x), limit));
      for (double& value : slope) value /= 2 * h;
    }
    Tensor g = tensor(x), found = tensor(q);
    const Clipping clipping = clip_gradient(limit, g);
    apply_clip_derivative(clipping, g, found);
    EXPECT_THAT(found.to_vector<double>(), Near(slope, 1e-8));
  }
}

TEST_P(ClippingTest, AZeroGradientStaysAndItsDerivativeIsTheIdentity) {
  Tensor g = tensor(Vector(kSize, 0.0)), found = tensor(q);
  const Clipping clipping = clip_gradient(0.5, g);
  apply_clip_derivative(clipping, g, found);
  EXPECT_THAT(g.to_vector<double>(), Near(Vector(kSize, 0.0), 0.0));
  EXPECT_THAT(found.to_vector<double>(), Near(q, 0.0));
}

}  // namespace
}  // namespace polder::optim
