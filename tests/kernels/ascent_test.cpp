#include <limits>

#include "kernels/flat_arena.h"
#include "polder/kernels/naive_flat.h"

namespace polder::kernels::testing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class AscentTest : public KernelTest {
 protected:
  Tensor squared_norm(const Tensor& w, const Tensor& g, Metric metric, const Segments& segments) {
    Tensor out = poisoned_scalar();
    backend().metric_squared_norm(w, g, metric, segments, out);
    return out;
  }
  Tensor perturbed(const Tensor& w, const Tensor& g, const Tensor& scale, Metric metric,
                   const Segments& segments) {
    Tensor shifted = poisoned(w.shape());
    backend().perturb(w, g, scale, metric, segments, shifted);
    return shifted;
  }
};
POLDER_KERNEL_SUITE(AscentTest);

/// A float64 sum of n terms against the oracle, whatever the type of the terms.
void expect_sum(const Tensor& found, long double expected, std::int64_t n) {
  const double value = static_cast<double>(expected);
  EXPECT_NEAR(found.item(), value,
              tolerance(DType::float64, value, {.terms = static_cast<double>(n)}))
      << n << " terms";
}

TEST_P(AscentTest, DotMatchesAFloat64Sum) {
  for (const std::int64_t n : kFlatLengths) {
    const Tensor x = normals({n}), y = normals({n});
    const Values a = host(x), b = host(y);
    long double expected = 0;
    for (std::size_t i = 0; i < a.size(); ++i) expected += a[i] * b[i];
    Tensor out = poisoned_scalar();
    backend().dot(x, y, out);
    expect_sum(out, expected, n);
  }
}

TEST_P(AscentTest, SquaredNormMatchesAFloat64Sum) {
  for (const Metric metric : kMetrics)
    for (const std::int64_t n : kFlatLengths) {
      const Segments segments = cut_into_segments(n, device());
      const Tensor w = normals({n}), g = normals({n});
      const Values stretch = metric_values(host(w), metric, segments), gradient = host(g);
      long double expected = 0;
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        const long double value = stretch[i] * gradient[i];
        expected += value * value;
      }
      expect_sum(squared_norm(w, g, metric, segments), expected, n);
    }
}

TEST_P(AscentTest, ThePlainNormHasTheBitsOfADot) {
  for (const std::int64_t n : kFlatLengths) {
    const Tensor w = normals({n}), g = normals({n});
    Tensor product = poisoned_scalar();
    backend().dot(g, g, product);
    EXPECT_EQ(squared_norm(w, g, {}, cut_into_segments(n, device())).item(), product.item()) << n;
  }
}

TEST_P(AscentTest, NormOfTinyAndHugeGradientsNeitherVanishesNorOverflows) {
  const std::int64_t n = 1000;
  const Segments segments = cut_into_segments(n, device());
  for (const double size : {1e-30, 1e30}) {
    const Tensor g = upload(Values(1000, size)), w = normals({n});
    EXPECT_NEAR(squared_norm(w, g, {}, segments).item() / (1000 * host(g)[0] * host(g)[0]), 1.0,
                1e-12);
  }
}

TEST_P(AscentTest, NotANumberAndInfinityReachTheNorm) {
  const std::int64_t n = 40001;
  const Segments segments = cut_into_segments(n, device());
  for (const Metric metric : kMetrics)
    for (const double odd : {std::nan(""), kInfinity, -kInfinity})
      for (const std::size_t place : {0, 17, 40000}) {
        Values values = host(normals({n}));
        values[place] = odd;
        const Tensor w = normals({n}), g = upload(values);
        const double found = squared_norm(w, g, metric, segments).item();
        EXPECT_TRUE(std::isnan(odd) ? std::isnan(found) : found == kInfinity) << found;
        Tensor product = poisoned_scalar();
        backend().dot(g, g, product);
        EXPECT_TRUE(std::isnan(odd) ? std::isnan(product.item()) : product.item() == kInfinity);
      }
}

TEST_P(AscentTest, ScaleDividesByTheGuardedNorm) {
  const Tensor rho = scalar(0.05);
  Tensor scale = poisoned_scalar(), norm = poisoned_scalar();
  backend().ascent_scale(rho, scalar(16.0), scale, norm);
  EXPECT_EQ(norm.item(), 4.0);
  EXPECT_DOUBLE_EQ(scale.item(), 0.05 / (4.0 + 1e-12));
  backend().ascent_scale(rho, scalar(0.0), scale, norm);
  EXPECT_DOUBLE_EQ(scale.item(), 0.05 / 1e-12);
  const Tensor radii = Tensor::from(Values{0.1, 0.0, 0.3}, {3}, device());
  Tensor scales = Tensor::from(Values(3, std::nan("")), {3}, device());
  backend().ascent_scale(radii, scalar(4.0), scales, norm);
  const double length = 2.0 + 1e-12;
  EXPECT_THAT(host(scales),
              ::testing::Pointwise(::testing::DoubleEq(), Values{0.1 / length, 0.0, 0.3 / length}));
}

TEST_P(AscentTest, PerturbAddsTheScaledDirection) {
  for (const Metric metric : kMetrics)
    for (const std::int64_t n : kFlatLengths)
      for (const bool per_segment : {false, true}) {
        const Segments segments = cut_into_segments(n, device());
        const std::int64_t count = segments.adaptive.numel();
        const Tensor w = normals({n}), g = normals({n});
        Values scales(per_segment ? static_cast<std::size_t>(count) : 1);
        for (std::size_t s = 0; s < scales.size(); ++s) scales[s] = 0.1 + static_cast<double>(s);
        const Tensor scale = Tensor::from(scales, per_segment ? Shape{count} : Shape{}, device());
        const Values weight = host(w), gradient = host(g);
        const Values stretch = metric_values(weight, metric, segments);
        Values direction(weight.size()), expected(weight.size());
        for (std::size_t i = 0; i < weight.size(); ++i) {
          const double factor = per_segment ? scales[segment_of(segments, i)] : scales[0];
          direction[i] = factor * stretch[i] * stretch[i] * gradient[i];
          expected[i] = weight[i] + direction[i];
        }
        expect_close(perturbed(w, g, scale, metric, segments), expected, {.size = 2});
        Tensor u = poisoned({n});
        backend().ascent_direction(w, g, scale, metric, segments, u);
        expect_close(u, direction, {.terms = 0});
        Tensor in_place = g.clone();
        backend().ascent_direction(w, in_place, scale, metric, segments, in_place);
        EXPECT_TRUE(same_bits(in_place, u));
        Tensor walking = w.clone();
        backend().perturb(walking, g, scale, metric, segments, walking);
        EXPECT_TRUE(same_bits(walking, perturbed(w, g, scale, metric, segments)));
      }
}

TEST_P(AscentTest, TheCopyIsTheShiftedWeightRounded) {
  if (dtype() != DType::float32) GTEST_SKIP() << "only float32 weights have a copy";
  for (const Metric metric : kMetrics)
    for (const std::int64_t start : {0, 1})
      for (const std::int64_t n : kFlatLengths) {
        const Segments segments = cut_into_segments(n, device());
        const Tensor w = normals({n}), g = normals({n}), scale = scalar(0.01);
        const Tensor copy = copy_at(start, rounded(poisoned({n})));
        Tensor shifted = poisoned({n});
        backend().perturb(w, g, scale, metric, segments, shifted, copy);
        EXPECT_TRUE(same_bits(shifted, perturbed(w, g, scale, metric, segments)));
        EXPECT_TRUE(same_bits(copy, rounded(shifted)));
      }
}

TEST_P(AscentTest, NothingAddedLeavesEveryBitOfW) {
  for (const Metric metric : kMetrics)
    for (const std::int64_t n : {33, 40001}) {
      const Segments segments = cut_into_segments(n, device());
      Values values = host(normals({n}));
      for (std::size_t i = 0; i < values.size(); i += 3) values[i] = -0.0;
      const Tensor w = upload(values), g = normals({n});
      const Tensor zero = upload(Values(values.size(), 0.0));
      const Tensor minus_zero = upload(Values(values.size(), -0.0));
      EXPECT_TRUE(same_bits(perturbed(w, g, scalar(0.0), metric, segments), w));
      EXPECT_TRUE(same_bits(perturbed(w, zero, scalar(0.05 / 1e-12), metric, segments), w));
      EXPECT_TRUE(same_bits(perturbed(w, minus_zero, scalar(1.0), metric, segments), w));
    }
}

TEST_P(AscentTest, NotANumberReachesTheShiftedWeights) {
  const Segments segments = cut_into_segments(5, device());
  const Tensor w = normals({5}), g = upload({1, std::nan(""), 1, 1, 1});
  const Values values = host(perturbed(w, g, scalar(0.1), {}, segments));
  EXPECT_TRUE(std::isnan(values[1]));
  EXPECT_TRUE(std::isfinite(values[0]));
}

TEST_P(AscentTest, ClipShortensToTheLimitAndLeavesShortVectorsAlone) {
  for (const std::int64_t n : kFlatLengths) {
    const Tensor x = normals({n});
    Tensor squared = poisoned_scalar();
    backend().dot(x, x, squared);
    Tensor same = x.clone(), shorter = x.clone();
    backend().clip(std::sqrt(squared.item()) * 1.01 + 1, squared, same);
    EXPECT_TRUE(same_bits(same, x));
    backend().clip(0.5, squared, shorter);
    Values expected = host(x);
    const double factor = std::min(1.0, 0.5 / (std::sqrt(squared.item()) + 1e-12));
    for (double& value : expected) value *= factor;
    expect_close(shorter, expected, {.terms = 0});
  }
  Tensor broken = upload({1.0, 2.0});
  backend().clip(1.0, scalar(std::nan("")), broken);
  EXPECT_TRUE(std::isnan(host(broken)[0]));
}

TEST_P(AscentTest, TheNaiveRecipeGivesTheSameAscent) {
  const std::vector<Shape> shapes = {{3, 3, 3, 5}, {5}, {1}, {40, 33}, {1000}};
  std::int64_t n = 0;
  for (const Shape& shape : shapes) n += shape.numel();
  const Tensor w = normals({n}), g = normals({n}), flat = w.clone();
  std::vector<Tensor> weights, gradients;
  for (std::int64_t at = 0; const Shape& shape : shapes) {
    weights.push_back(w.view(at, shape));
    gradients.push_back(g.view(at, shape));
    at += shape.numel();
  }
  const Segments segments = cut_into_segments(n, device());
  for (const bool adaptive : {false, true}) {
    const Metric metric{.adaptive = adaptive, .xi = 0.01, .everywhere = true};
    const naive::Metric same{.adaptive = adaptive, .xi = 0.01};
    Tensor scale = poisoned_scalar(), norm = poisoned_scalar();
    backend().ascent_scale(scalar(0.5), squared_norm(flat, g, metric, segments), scale, norm);
    EXPECT_NEAR(naive::norm(backend(), weights, gradients, same) / norm.item(), 1.0,
                20 * unit(dtype()));
    const std::vector<Tensor> backup = naive::perturb(backend(), weights, gradients, 0.5, same);
    expect_close(perturbed(flat, g, scale, metric, segments), host(w), {.size = 2});
    EXPECT_FALSE(same_bits(w, flat));
    naive::restore(weights, backup);
    EXPECT_TRUE(same_bits(w, flat));
  }
}

}  // namespace
}  // namespace polder::kernels::testing
