#include "polder/optim/rules/asam.h"

#include "optim/closed_form.h"
#include "optim/conformance.h"
#include "polder/autograd/functions.h"
#include "polder/optim/rules/sam.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(AsamClosedForm);

TEST_P(AsamClosedForm, MeasuresInUnitsOfTheWeights) {
  Vector stretch(kSize);
  for (std::size_t i = 0; i < stretch.size(); ++i) stretch[i] = std::abs(w[i]) + 0.02;
  const Looked expected = sharp_gradient(mean, w, 0.5, stretch);
  EXPECT_THAT(gradient_of(Asam(0.5, 0.02)), Near(expected.gradient, 1e-12));
  expect_report(expected, 0.5);
  EXPECT_DOUBLE_EQ(objective.work().gradients, 2.0);
}

TEST_P(AsamClosedForm, ZeroGradientStaysFiniteAndAtHome) {
  arena.home().copy_from(arena.make_flat());
  kernels::backend_of(batch.targets).fill(0.0, batch.targets);  // the minimum is at w = 0
  for (const double rho : {0.0, 0.3}) {
    EXPECT_THAT(gradient_of(Asam(rho, 0.01)), Near(Vector(kSize, 0.0), 0.0));
    for (const auto& pass : objective.diary)
      EXPECT_THAT(pass.weights, Near(Vector(kSize, 0.0), 0.0));
  }
}

TEST(Asam, TheScopeMatters) { EXPECT_NE(trained("asam", {{"scope", "all"}}), trained("asam")); }

/// Three layers of biases only, so that T = 1 everywhere. Float64: a norm that is off by one
/// rounding shows.
class BiasNet : public nn::Module {
 public:
  BiasNet() {
    for (int layer = 0; layer < 3; ++layer) {
      Tensor initial = Tensor::empty({6}, DType::float64);
      kernels::backend_of(initial).random_normal(random_key(1, "biases", layer), 0.0, 1.0, initial);
      biases_.push_back(
          add_parameter("bias" + std::to_string(layer), nn::SegmentKind::bias, initial));
    }
  }
  nn::Variable forward(const nn::Variable& x, nn::Pass&) override {
    nn::Variable y = x;
    for (const nn::Variable& bias : biases_)
      y = autograd::tanh(autograd::add(y, bias, autograd::Broadcast::trailing));
    return y;
  }

 private:
  std::vector<nn::Variable> biases_;
};

std::vector<std::byte> trained_biases(Rule&& rule) {
  BiasNet model;
  nn::ParameterArena arena(model);
  ModelObjective objective(model, arena, cross_entropy_loss(), 1);
  const auto base = make_base_optimizer("sgd", {}, arena);
  base->set_rate(0.1);
  TrainingStep step(objective, rule, *base);
  const NetProblem data({.dtype = DType::float64});
  for (std::int64_t t = 0; t < 20; ++t) step.run(data.batch(t), t);
  return bits_of(arena.home());
}

TEST(Asam, WithoutAdaptiveSegmentsIsSam) {
  EXPECT_EQ(trained_biases(Asam(0.3, 0.01)), trained_biases(Sam(0.3)));
  EXPECT_NE(trained_biases(Asam(0.3, 0.01, Asam::Scope::all)), trained_biases(Sam(0.3)));
}

/// Outputs at w + epsilon of a two-layer ReLU net without biases whose layers were multiplied by k
/// and 1 / k.
std::vector<std::byte> perturbed_outputs(double k, double rho, std::uint64_t seed) {
  const nn::Build build{.seed = seed};
  nn::Sequential net(build);
  net.add<nn::Linear>("fc1", 6, 17, nn::LinearOptions{.bias = false});
  net.add<nn::Activation>("act1", "relu");
  net.add<nn::Linear>("fc2", 17, 5, nn::LinearOptions{.bias = false});
  nn::ParameterArena arena(net);
  double factor = k;
  for (const nn::Segment& segment : arena.segments()) {
    Tensor layer = arena.part(arena.home(), segment);
    kernels::backend_of(layer).affine(layer, factor, 0.0, layer);
    factor = 1.0 / k;
  }
  ModelObjective objective(net, arena, cross_entropy_loss(), seed);
  const Batch batch = NetProblem({.seed = seed}).batch(0);
  objective.begin_step(0, batch.size());
  Tensor g = arena.make_flat();
  objective.gradient(batch, g);
  const Excursion away(objective, ascend(arena, g, Tensor::scalar(rho), {.adaptive = true}));
  return bits_of(objective.evaluate(batch.inputs));
}

TEST(Asam, IsInvariantUnderRescalingALayerPair) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE(seed);
    const auto outputs = perturbed_outputs(1.0, 0.5, seed);
    EXPECT_NE(outputs, perturbed_outputs(1.0, 0.25, seed));
    EXPECT_EQ(outputs, perturbed_outputs(8.0, 0.5, seed));
    EXPECT_EQ(outputs, perturbed_outputs(0.0625, 0.5, seed));
  }
}

}  // namespace
}  // namespace polder::optim
