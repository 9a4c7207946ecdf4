#include <gtest/gtest.h>

#include <cmath>

#include "polder/autograd/functions.h"
#include "test_support.h"

/// Functions of bfloat16 activations against the same in float64 on the same (rounded) numbers.
namespace polder::autograd {
namespace {

constexpr double kUnit = 0x1p-8;  // largest relative error of one rounding

Variable normal(const char* name, const Shape& shape, DType dtype, double level = 0.0) {
  Tensor exact = Tensor::empty(shape, DType::float64);
  kernels::backend_of(exact).random_normal(random_key(5, name), level, 0.5, exact);
  Tensor rounded = Tensor::empty(shape, DType::bfloat16), x = Tensor::empty(shape, dtype);
  kernels::backend_of(exact).cast(exact, rounded);
  kernels::backend_of(exact).cast(rounded, x);
  return Variable(x, true);
}

std::vector<double> values(const Variable& x) {
  Tensor wide = Tensor::empty(x.shape(), DType::float64);
  kernels::backend_of(wide).cast(x.value(), wide);
  return wide.to_vector<double>();
}

/// ||a - b|| / ||b||
double distance(const Variable& a, const Variable& b) {
  const auto x = values(a), y = values(b);
  double difference = 0, square = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    difference += (x[i] - y[i]) * (x[i] - y[i]);
    square += y[i] * y[i];
  }
  return std::sqrt(difference / square);
}

/// Every family of layers in a row; norms have float32 scales beside bfloat16 activations.
struct Net {
  explicit Net(DType dtype, DType norms)
      : x(normal("x", {6, 7, 5, 3}, dtype)),
        w1(normal("w1", {5, 3, 3, 3}, dtype)),
        b1(normal("b1", {5}, dtype)),
        gamma(normal("gamma", {5}, norms, 1.0)),
        beta(normal("beta", {5}, norms)),
        w2(normal("w2", {8, 30}, dtype)),
        b2(normal("b2", {8}, dtype)),
        scale(normal("scale", {8}, norms, 1.0)),
        shift(normal("shift", {8}, norms)),
        w3(normal("w3", {4, 8}, dtype)) {}

  Variable losses() const {
    Variable y = batch_norm(conv2d(x, w1, 1, 1), gamma, beta, 1e-5);
    y = gelu(add(y, b1, Broadcast::trailing));  // after the norm, which would swallow it
    y = dropout(max_pool2d(y, {3, 2, 2, 2, 1, 0}), 0.25, random_key(1, "mask"));
    y = linear(reshape(narrow(y, 1, 1, 4), {6, 30}), w2, b2);
    y = tanh(layer_norm(y, scale, shift, 1e-5));
    y = matmul(mul(softmax(y), y), w3, false, true);
    return cross_entropy(y, Tensor::from<std::int64_t>({0, 1, 2, 3, 0, 1}, {6}), 0.1);
  }
  Variables inputs() const { return {x, w1, b1, gamma, beta, w2, b2, scale, shift, w3}; }

  Variable x, w1, b1, gamma, beta, w2, b2, scale, shift, w3;
};

TEST(Bfloat16, LossesAndGradientsAreNearThoseOfFloat64AndInFloat32) {
  const Net net(DType::bfloat16, DType::float32), exact(DType::float64, DType::float64);
  const Variable losses = net.losses(), truth = exact.losses();
  EXPECT_EQ(losses.dtype(), DType::float32);
  EXPECT_LT(distance(losses, truth), 3 * kUnit);
  const Variables found = grad({losses}, net.inputs()), expected = grad({truth}, exact.inputs());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].dtype(), DType::float32) << "input " << i;
    // A dozen roundings lie on the longest way back.
    EXPECT_LT(distance(found[i], expected[i]), 12 * kUnit) << "input " << i;
  }
}

// With factors that bfloat16 holds and one rounding (of dy, exact here) the gradient of a weight is
// exact to float32: it is not rounded to bfloat16 on its way into the arena.
TEST(Bfloat16, GradientsOfWeightsKeepTheDigitsOfTheirSums) {
  const Shape rows{33, 20};
  const Variable x = normal("x", rows, DType::bfloat16), w = normal("w", {7, 20}, DType::bfloat16);
  const Variable b = normal("b", {7}, DType::bfloat16);
  const Variable dy = normal("dy", {33, 7}, DType::bfloat16);
  const Variables g = grad({linear(x, w, b)}, {w, b}, {dy});
  const auto a = values(x), d = values(dy), dw = values(g[0]), db = values(g[1]);
  for (std::size_t o = 0; o < 7; ++o) {
    double bias = 0;
    for (std::size_t r = 0; r < 33; ++r) bias += d[r * 7 + o];
    EXPECT_NEAR(db[o], bias, 1e-5);
    for (std::size_t i = 0; i < 20; ++i) {
      double sum = 0;
      for (std::size_t r = 0; r < 33; ++r) sum += d[r * 7 + o] * a[r * 20 + i];
      EXPECT_NEAR(dw[o * 20 + i], sum, 1e-5);
    }
  }
}

TEST(Bfloat16, AnEmbeddingsGradientIsSummedInFloat32) {
  const Variable table = normal("table", {3, 2}, DType::bfloat16);
  const Tensor index = Tensor::from<std::int64_t>(std::vector<std::int64_t>(1000, 1), {1000});
  const Variable g = grad({gather_rows(table, index)}, {table})[0];
  EXPECT_EQ(values(g), (std::vector<double>{0, 0, 1000, 1000, 0, 0}));  // bfloat16 stops at 256
}

TEST(Bfloat16, CastRoundsAndItsGradientComesBackInTheTypeOfItsInput) {
  const Variable x(Tensor::from<double>({1.0, 1.003, -2.0}, {3}), true);
  const Variable y = cast(x, DType::bfloat16);
  EXPECT_EQ(values(y), (std::vector<double>{1.0, 1.0, -2.0}));
  const Variable g = grad({cast(mul(y, y), DType::float32)}, {x})[0];
  EXPECT_EQ(g.dtype(), DType::float64);
  EXPECT_EQ(values(g), (std::vector<double>{2.0, 2.0, -4.0}));
  EXPECT_EQ(cast(x, DType::float64).node(), x.node());
  EXPECT_EQ(error_of([&] { cast(x, DType::int64); }),
            "cast: from float64 to int64, wanted floating types");
}

TEST(Bfloat16, SecondDerivativesAndMixedTypesAreRefusedInOneSentence) {
  const Variable w = normal("w", {2, 3}, DType::bfloat16);
  EXPECT_EQ(error_of([&] { grad({sum(w)}, {w}, {}, {.create_graph = true}); }),
            "grad: create_graph with an input [2, 3] in bfloat16: second derivatives want float32 "
            "or float64");
  EXPECT_EQ(error_of([&] {
              matmul(w, normal("v", {3, 2}, DType::float32));
            }),
            "matmul: element types differ: bfloat16 and float32");
  const Variable gamma = normal("gamma", {3}, DType::bfloat16);
  EXPECT_EQ(error_of([&] { batch_norm(w, gamma, gamma, 1e-5); }),
            "batch_norm: gamma bfloat16 on cpu for x bfloat16 on cpu, wanted float32 there");
}

}  // namespace
}  // namespace polder::autograd
