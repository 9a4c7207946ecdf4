#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "polder/nn/activation.h"
#include "polder/nn/convolution.h"
#include "polder/nn/embedding.h"
#include "polder/nn/linear.h"
#include "polder/nn/normalization.h"
#include "polder/nn/pooling.h"
#include "polder/nn/sequential.h"
#include "support.h"

namespace polder::nn {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

const Build kBuild{.seed = 11, .dtype = DType::float64};

std::vector<double> values_of(const Variable& x) { return x.value().to_vector<double>(); }

Variable run(Module& layer, const Tensor& x) {
  Pass pass;
  return layer.forward(Variable(x), pass);
}

/// Gives a bias other values than its zeros.
void set(const Variable& parameter, const std::string& stream) {
  parameter.value().copy_from(normal_tensor(parameter.shape(), stream));
}

TEST(Linear, MultipliesTheLastAxis) {
  Linear layer(kBuild, 5, 3);
  set(parameter_of(layer, "bias"), "bias");
  const Tensor x = normal_tensor({2, 7, 5}, "x");
  const auto w = values_of(parameter_of(layer, "weight"));
  const auto b = values_of(parameter_of(layer, "bias"));
  const auto in = x.to_vector<double>();
  std::vector<double> wanted;
  for (std::size_t r = 0; r < 14; ++r)
    for (std::size_t o = 0; o < 3; ++o) {
      double sum = b[o];
      for (std::size_t i = 0; i < 5; ++i) sum += in[r * 5 + i] * w[o * 5 + i];
      wanted.push_back(sum);
    }
  const Variable y = run(layer, x);
  EXPECT_EQ(y.shape(), (Shape{2, 7, 3}));
  EXPECT_THAT(values_of(y), Pointwise(DoubleNear(1e-12), wanted));
  EXPECT_EQ(values_of(run(layer, x.reshape({14, 5}))), values_of(y));
}

TEST(Linear, WithoutBiasHasOneParameter) {
  Linear layer(kBuild, 5, 3, {.bias = false});
  EXPECT_EQ(layer.parameters().size(), 1U);
  EXPECT_THAT(values_of(run(layer, Tensor::zeros({1, 5}, DType::float64))), ElementsAre(0, 0, 0));
}

TEST(Conv2d, MatchesTheNaiveSumWithStridePaddingAndGroups) {
  constexpr std::int64_t N = 2, H = 5, W = 7, Ci = 4, Co = 6, K = 3, S = 2, P = 1, G = 2;
  Conv2d layer(kBuild, Ci, Co, K, {.stride = S, .padding = P, .groups = G});
  set(parameter_of(layer, "bias"), "bias");
  EXPECT_EQ(parameter_of(layer, "weight").shape(), (Shape{Co, K, K, Ci / G}));
  const Tensor x = normal_tensor({N, H, W, Ci}, "x");
  const auto in = x.to_vector<double>();
  const auto w = values_of(parameter_of(layer, "weight"));
  const auto b = values_of(parameter_of(layer, "bias"));
  const auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };

  std::vector<double> wanted;
  for (std::int64_t n = 0; n < N; ++n)
    for (std::int64_t oh = 0; oh < 3; ++oh)
      for (std::int64_t ow = 0; ow < 4; ++ow)
        for (std::int64_t o = 0; o < Co; ++o) {
          double sum = b[at(o)];
          for (std::int64_t kh = 0; kh < K; ++kh)
            for (std::int64_t kw = 0; kw < K; ++kw)
              for (std::int64_t c = 0; c < Ci / G; ++c) {
                const std::int64_t h = oh * S + kh - P, v = ow * S + kw - P;
                if (h < 0 || h >= H || v < 0 || v >= W) continue;
                const std::int64_t channel = o / (Co / G) * (Ci / G) + c;
                sum += in[at(((n * H + h) * W + v) * Ci + channel)] *
                       w[at(((o * K + kh) * K + kw) * (Ci / G) + c)];
              }
          wanted.push_back(sum);
        }
  const Variable y = run(layer, x);
  EXPECT_EQ(y.shape(), (Shape{N, 3, 4, Co}));
  EXPECT_THAT(values_of(y), Pointwise(DoubleNear(1e-12), wanted));
}

TEST(LayerNorm, NormalisesEachRow) {
  LayerNorm layer(kBuild, 7);
  set(parameter_of(layer, "gamma"), "gamma");
  set(parameter_of(layer, "beta"), "beta");
  const auto gamma = values_of(parameter_of(layer, "gamma"));
  const auto beta = values_of(parameter_of(layer, "beta"));
  const Tensor x = normal_tensor({3, 2, 7}, "x");
  const auto in = x.to_vector<double>();
  std::vector<double> wanted;
  for (std::size_t r = 0; r < 6; ++r) {
    double mean = 0.0, variance = 0.0;
    for (std::size_t i = 0; i < 7; ++i) mean += in[r * 7 + i] / 7.0;
    for (std::size_t i = 0; i < 7; ++i) variance += std::pow(in[r * 7 + i] - mean, 2) / 7.0;
    for (std::size_t i = 0; i < 7; ++i)
      wanted.push_back(gamma[i] * (in[r * 7 + i] - mean) / std::sqrt(variance + 1e-5) + beta[i]);
  }
  EXPECT_THAT(values_of(run(layer, x)), Pointwise(DoubleNear(1e-12), wanted));
}

TEST(Embedding, LooksRowsUpForIndicesOfAnyShape) {
  Embedding layer(kBuild, 5, 2);
  EXPECT_EQ(layer.parameters()[0].kind, SegmentKind::embedding);
  const auto table = values_of(parameter_of(layer, "table"));
  const Variable y = run(layer, Tensor::from<std::int64_t>({4, 0, 4}, {3, 1}));
  EXPECT_EQ(y.shape(), (Shape{3, 1, 2}));
  EXPECT_THAT(values_of(y),
              ElementsAre(table[8], table[9], table[0], table[1], table[8], table[9]));
}

TEST(Activation, AppliesItsFunction) {
  const double x = -0.7;
  const Tensor input = Tensor::from<double>({x, 0.7}, {2});
  const auto first = [&](const char* name) {
    Activation layer(kBuild, name);
    return values_of(run(layer, input))[0];
  };
  EXPECT_EQ(first("relu"), 0.0);
  EXPECT_NEAR(first("tanh"), std::tanh(x), 1e-15);
  EXPECT_NEAR(first("sigmoid"), 1.0 / (1.0 + std::exp(-x)), 1e-15);
  EXPECT_NEAR(first("gelu"), x * 0.5 * (1.0 + std::erf(x / std::sqrt(2.0))), 1e-15);
  EXPECT_EQ(error_of([] { Activation layer(kBuild, "rellu"); }),
            "activation: unknown name \"rellu\", nearest is \"relu\"");
}

TEST(Pooling, ReducesWindowsAndWholeMaps) {
  const Tensor x = Tensor::from<double>({1, 5, 2, 3, 4, 9, 7, 8, 6}, {1, 3, 3, 1});
  MaxPool largest(kBuild, square_window(2, 1));
  AveragePool average(kBuild, square_window(2, 2, 1));
  GlobalAveragePool global(kBuild);
  Flatten flatten(kBuild);
  EXPECT_THAT(values_of(run(largest, x)), ElementsAre(5, 9, 8, 9));
  EXPECT_THAT(values_of(run(average, x)), ElementsAre(0.25, 1.75, 2.5, 6.75));
  EXPECT_THAT(values_of(run(global, x)), ElementsAre(5.0));
  EXPECT_EQ(run(global, x).shape(), (Shape{1, 1}));
  EXPECT_EQ(run(flatten, x).shape(), (Shape{1, 9}));
}

TEST(Sequential, RunsLayersInOrder) {
  Sequential net(kBuild);
  net.add<Linear>("fc", 3, 2);
  net.add<Activation>("act", "tanh");
  const Tensor x = normal_tensor({4, 3}, "x");
  Linear alone(kBuild.in("fc"), 3, 2);
  std::vector<double> wanted = values_of(run(alone, x));
  for (double& v : wanted) v = std::tanh(v);
  EXPECT_THAT(values_of(run(net, x)), Pointwise(DoubleNear(1e-15), wanted));
  EXPECT_EQ(error_of([&] { net.add<Activation>("fc", "relu"); }),
            "Module: name \"fc\" is taken in this module");
}

TEST(Layers, NameThemselvesWhenTheInputDoesNotFit) {
  const Build build = kBuild.in("head").in("fc1");
  Linear linear(build, 4, 2);
  Conv2d conv(build, 3, 6, 5);
  BatchNorm batch_norm(build, 8);
  LayerNorm layer_norm(build, 8);
  Embedding embedding(build, 4, 2);
  MaxPool pool(build, square_window(2, 2));
  Linear nameless(kBuild, 4, 2);
  const auto error = [](Module& layer, const Shape& shape) {
    return error_of([&] { run(layer, Tensor::zeros(shape, DType::float64)); });
  };
  EXPECT_EQ(error(linear, {8, 5}), "Linear head.fc1: input [8, 5], wanted [rows, 4]");
  EXPECT_EQ(error(nameless, {4}), "Linear: input [4], wanted [rows, 4]");
  EXPECT_EQ(error(conv, {2, 8, 8, 1}), "Conv2d head.fc1: input [2, 8, 8, 1], wanted [N, H, W, 3]");
  EXPECT_EQ(error(conv, {2, 4, 8, 3}),
            "Conv2d head.fc1: input [2, 4, 8, 3] with padding 0 is smaller than the window 5 x 5");
  EXPECT_EQ(error(batch_norm, {2, 7}), "BatchNorm head.fc1: input [2, 7], wanted [..., 8]");
  EXPECT_EQ(error(layer_norm, {2, 7}), "LayerNorm head.fc1: input [2, 7], wanted [..., 8]");
  EXPECT_EQ(error(embedding, {2}), "Embedding head.fc1: indices are float64, wanted int64");
  EXPECT_EQ(error(pool, {2, 7}), "MaxPool head.fc1: input [2, 7], wanted [N, H, W, C]");
}

TEST(Layers, RefuseImpossibleForms) {
  EXPECT_EQ(error_of([] { Linear layer(kBuild, 0, 3); }),
            "Linear: 0 to 3 features, wanted positive numbers");
  EXPECT_EQ(error_of([] { Conv2d layer(kBuild, 4, 6, 3, {.groups = 4}); }),
            "Conv2d: 4 groups do not divide 4 to 6 channels");
  EXPECT_EQ(error_of([] { Conv2d layer(kBuild, 4, 6, 3, {.stride = 0}); }),
            "Conv2d: 4 to 6 channels, kernel 3, stride 0, padding 0: wanted positive numbers");
}

}  // namespace
}  // namespace polder::nn
