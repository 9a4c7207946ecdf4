#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "polder/nn/models/lenet.h"
#include "polder/nn/models/mlp.h"
#include "polder/nn/models/registry.h"
#include "polder/nn/models/resnet.h"
#include "polder/nn/models/wide_resnet.h"
#include "support.h"

namespace polder::nn {
namespace {

/// Weights of a 3x3 convolution without bias and the batch norm behind (or before) it.
std::int64_t conv3(std::int64_t in, std::int64_t out) { return 9 * in * out; }
std::int64_t norm(std::int64_t channels) { return 2 * channels; }
std::int64_t linear(std::int64_t in, std::int64_t out) { return in * out + out; }

std::int64_t resnet_count(const std::vector<std::int64_t>& widths, std::int64_t blocks,
                          bool projection) {
  std::int64_t count = conv3(3, widths[0]) + norm(widths[0]), width = widths[0];
  for (const std::int64_t next : widths) {
    count += conv3(width, next) + norm(next) + (2 * blocks - 1) * (conv3(next, next) + norm(next));
    if (projection && width != next) count += width * next + norm(next);
    width = next;
  }
  return count + linear(width, 10);
}

std::int64_t wide_resnet_count(std::int64_t blocks, std::int64_t k) {
  std::int64_t count = conv3(3, 16), width = 16;
  for (const std::int64_t next : {16 * k, 32 * k, 64 * k}) {
    count += norm(width) + conv3(width, next) + width * next + norm(next) + conv3(next, next);
    count += (blocks - 1) * 2 * (norm(next) + conv3(next, next));
    width = next;
  }
  return count + norm(width) + linear(width, 10);
}

std::int64_t count_of(const char* name) {
  return count_weights(*make_model(name, {32, 32, 3}, 10, {}));
}

TEST(Models, ResNetsHaveTheWeightsOfTheirClosedForm) {
  EXPECT_EQ(count_of("resnet20"), resnet_count({16, 32, 64}, 3, false));
  EXPECT_EQ(count_of("resnet20"), 269722);  // the paper says 0.27 M
  EXPECT_EQ(count_of("resnet32"), resnet_count({16, 32, 64}, 5, false));
  EXPECT_EQ(count_of("resnet56"), resnet_count({16, 32, 64}, 9, false));  // 0.85 M
  EXPECT_EQ(count_of("resnet18"), resnet_count({64, 128, 256, 512}, 2, true));
  ResNetOptions options = resnet_of_depth(20);
  options.shortcut = Shortcut::b;
  EXPECT_EQ(count_weights(*resnet(3, 10, {}, options)), resnet_count({16, 32, 64}, 3, true));
}

TEST(Models, WideResNetsHaveTheWeightsOfTheirClosedForm) {
  EXPECT_EQ(count_of("wide_resnet16_8"), wide_resnet_count(2, 8));  // the paper says 11.0 M
  EXPECT_EQ(wide_resnet_count(4, 10), 36479194);                    // the paper says 36.5 M
  EXPECT_EQ(count_of("wide_resnet28_10"), wide_resnet_count(4, 10));
}

TEST(Models, LeNetAndMlpHaveTheWeightsOfTheirClosedForm) {
  // The paper's 28 x 28 digits stand in a 32 x 32 field: both give 5 x 5 x 16 features.
  const std::int64_t lenet5 =
      25 * 6 + 6 + 25 * 6 * 16 + 16 + linear(400, 120) + linear(120, 84) + linear(84, 10);
  EXPECT_EQ(count_weights(*make_model("lenet", {28, 28, 1}, 10, {})), lenet5);
  EXPECT_EQ(count_weights(*make_model("lenet", {32, 32, 1}, 10, {})), lenet5);
  EXPECT_EQ(count_weights(*make_model("mlp", {28, 28, 1}, 10, {}, {.hidden = {30, 20}})),
            linear(784, 30) + linear(30, 20) + linear(20, 10));
}

TEST(Models, GiveALogitPerClass) {
  for (const std::string& name : model_names()) {
    if (name.starts_with("wide_resnet") || name == "resnet18") continue;  // minutes on a small CPU
    SCOPED_TRACE(name);
    const ModulePtr model = make_model(name, {17, 15, 2}, 7, {});
    for (const bool training : {true, false}) {
      Pass pass{.training = training};
      const Variable y = model->forward(Variable(Tensor::zeros({3, 17, 15, 2})), pass);
      EXPECT_EQ(y.shape(), (Shape{3, 7}));
    }
  }
  Pass pass;
  const Variable x(Tensor::zeros({2, 8, 8, 3}));
  EXPECT_EQ(wide_resnet(3, 5, {}, {.depth = 10, .widen = 1})->forward(x, pass).shape(),
            (Shape{2, 5}));
  EXPECT_EQ(make_model("resnet18", {8, 8, 3}, 5, {})->forward(x, pass).shape(), (Shape{2, 5}));
}

TEST(Models, SameSeedSameWeights) {
  const auto weights = [](std::uint64_t seed) {
    return parameter_of(*make_model("resnet20", {8, 8, 3}, 10, {.seed = seed}),
                        "stage3.block2.conv1.weight")
        .value()
        .to_vector<float>();
  };
  EXPECT_EQ(weights(4), weights(4));
  EXPECT_NE(weights(4), weights(5));
}

TEST(Models, WideResNetDropsOnlyInsideItsBlocks) {
  for (const double rate : {0.0, 0.3}) {
    const ModulePtr model = make_model("wide_resnet16_8", {4, 4, 1}, 3, {}, {.dropout = rate});
    Pass pass{.masks = random_key(1, "masks")};
    model->forward(Variable(Tensor::zeros({2, 4, 4, 1})), pass);
    EXPECT_EQ(pass.layers_masked, rate > 0.0 ? 6U : 0U);
  }
}

void fill(const Module& model, const std::string& parameter, double value) {
  const Tensor weights = parameter_of(model, parameter).value();
  const std::vector<double> values(static_cast<std::size_t>(weights.numel()), value);
  weights.copy_from(Tensor::from(values, weights.shape()));
}

std::vector<double> evaluate(Module& model, const Tensor& x) {
  Pass pass{.training = false};
  return model.forward(Variable(x), pass).value().to_vector<double>();
}

// With the residual branches silenced only the shortcuts carry the image; evaluation-mode batch
// norm at its start divides by sqrt(1 + 1e-5) and nothing else.
const double kFreshNorm = 1.0 / std::sqrt(1.0 + 1e-5);
const Tensor kImage = Tensor::from<double>({1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 3, 3, 1});
const double kCorners = (1.0 + 3.0 + 7.0 + 9.0) / 4.0;  // mean of every second pixel

TEST(Models, ResNetShortcutAKeepsEverySecondPixelAndPadsChannelsWithZeros) {
  const auto model = resnet(1, 2, {.dtype = DType::float64}, {{1, 2}, {1, 1}, Shortcut::a, "relu"});
  fill(*model, "conv1.weight", 0.0);
  parameter_of(*model, "conv1.weight").value().data<double>()[4] = 1.0;  // the middle of 3 x 3
  fill(*model, "stage1.block1.bn2.gamma", 0.0);
  fill(*model, "stage2.block1.bn2.gamma", 0.0);
  parameter_of(*model, "fc.weight").value().write<double>(std::vector<double>{1, 0, 0, 1});
  const auto y = evaluate(*model, kImage);
  EXPECT_NEAR(y[0], kFreshNorm * kCorners, 1e-12);
  EXPECT_EQ(y[1], 0.0);
}

TEST(Models, WideResNetProjectsTheNormedInputWhereItsShapeChanges) {
  const auto model = wide_resnet(1, 2, {.dtype = DType::float64}, {.depth = 10, .widen = 1});
  fill(*model, "conv1.weight", 0.0);
  Tensor stem = parameter_of(*model, "conv1.weight").value();
  for (std::size_t o = 0; o < 16; ++o) stem.data<double>()[o * 9 + 4] = 1.0;
  for (const char* stage : {"stage1", "stage2", "stage3"})
    fill(*model, std::string(stage) + ".block1.conv2.weight", 0.0);
  // Each output channel of a projection is the mean of its inputs.
  fill(*model, "stage2.block1.shortcut.weight", 1.0 / 16.0);
  fill(*model, "stage3.block1.shortcut.weight", 1.0 / 32.0);
  fill(*model, "fc.weight", 1.0 / 64.0);
  // stage1 passes x itself; stages 2 and 3 pass relu(bn(x)); 3 x 3 becomes 2 x 2, then 1 x 1.
  const auto y = evaluate(*model, kImage);
  EXPECT_NEAR(y[0], std::pow(kFreshNorm, 3) * 1.0, 1e-12);
}

double deviation_of(const Module& model, const std::string& parameter) {
  double squares = 0.0;
  const auto values = parameter_of(model, parameter).value().to_vector<float>();
  for (const float v : values) squares += static_cast<double>(v) * static_cast<double>(v);
  return std::sqrt(squares / static_cast<double>(values.size()));
}

TEST(Models, WeightsStartAtTheScaleOfTheirActivation) {
  const ModulePtr relu = make_model("mlp", {400}, 10, {}, {.hidden = {300, 200}});
  const ModulePtr tanh =
      make_model("mlp", {400}, 10, {}, {.hidden = {300, 200}, .activation = "tanh"});
  const ModulePtr resnet18 = make_model("resnet18", {8, 8, 3}, 10, {});
  EXPECT_NEAR(deviation_of(*relu, "fc1.weight") / std::sqrt(2.0 / 400.0), 1.0, 0.02);
  EXPECT_NEAR(deviation_of(*relu, "fc3.weight") / std::sqrt(1.0 / 200.0), 1.0, 0.06);
  EXPECT_NEAR(deviation_of(*tanh, "fc1.weight") / std::sqrt(2.0 / 700.0), 1.0, 0.02);
  const double fan_out = 9.0 * 128.0;
  EXPECT_NEAR(deviation_of(*resnet18, "stage2.block1.conv1.weight") / std::sqrt(2.0 / fan_out), 1.0,
              0.02);
  EXPECT_EQ(deviation_of(*relu, "fc1.bias"), 0.0);
}

TEST(Models, ConvolutionsAreListedInForwardOrder) {
  const ModulePtr lenet = make_model("lenet", {28, 28, 1}, 10, {});
  const std::vector<ConvolutionSizes> expected{
      {.x = {7, 28, 28, 1}, .w = {6, 5, 5, 1}, .stride = 1, .padding = 2},
      {.x = {7, 14, 14, 6}, .w = {16, 5, 5, 6}, .stride = 1, .padding = 0}};
  EXPECT_EQ(convolutions_of(*lenet, {28, 28, 1}, 7), expected);

  const ModulePtr resnet = make_model("resnet18", {16, 16, 3}, 10, {});
  const std::vector<ConvolutionSizes> all = convolutions_of(*resnet, {16, 16, 3}, 2);
  ASSERT_EQ(all.size(), 20U);  // the stem, eight blocks of two, three projections
  const ConvolutionSizes projection{
      .x = {2, 16, 16, 64}, .w = {128, 1, 1, 64}, .stride = 2, .padding = 0};
  EXPECT_EQ(std::count(all.begin(), all.end(), projection), 1);
  EXPECT_EQ(all.back(),
            (ConvolutionSizes{.x = {2, 2, 2, 512}, .w = {512, 3, 3, 512}, .padding = 1}));
}

TEST(Models, ListingConvolutionsTrainsNothing) {
  const ModulePtr net = make_model("resnet20", {16, 16, 3}, 10, {});
  const auto values = [&] {
    std::vector<std::vector<float>> all;
    for (const NamedTensor& buffer : net->buffers())
      all.push_back(buffer.tensor.to_vector<float>());
    return all;
  };
  const auto before = values();
  convolutions_of(*net, {16, 16, 3}, 2);
  EXPECT_EQ(values(), before);
}

TEST(Models, RegistryRefusesWhatItDoesNotKnow) {
  const auto error = [](const char* name, const Shape& shape, const ModelOptions& options = {}) {
    return error_of([&] { make_model(name, shape, 10, {}, options); });
  };
  EXPECT_EQ(error("resnet21", {32, 32, 3}),
            "make_model: unknown model \"resnet21\", nearest is \"resnet20\"");
  EXPECT_EQ(error("resnet20", {784}),
            "make_model: resnet20 takes images [H, W, C], found samples of shape [784]");
  EXPECT_EQ(error("lenet", {8, 28, 1}),
            "lenet: input [8, 28, 1], wanted [H, W, C] of at least 12 x 12");
  EXPECT_EQ(error("lenet", {28, 28, 1}, {.dropout = 0.1}),
            "make_model: lenet has no option dropout");
  EXPECT_EQ(error("mlp", {4}, {.activation = "tan"}),
            "activation: unknown name \"tan\", nearest is \"tanh\"");
  EXPECT_EQ(error_of([] { make_model("mlp", {4}, 0, {}); }),
            "make_model: 0 classes, wanted a positive number");
  EXPECT_EQ(error_of([] { resnet_of_depth(19); }), "resnet: depth 19, wanted 18 or 6n + 2");
  EXPECT_EQ(error_of([] { wide_resnet(3, 10, {}, {.depth = 29}); }),
            "wide_resnet: depth 29, wanted 6n + 4");
}

}  // namespace
}  // namespace polder::nn
