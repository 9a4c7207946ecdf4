#include <gtest/gtest.h>

#include "optim/quadratic.h"
#include "optim/support.h"
#include "polder/autograd/functions.h"
#include "polder/optim/rules/asam.h"
#include "polder/optim/rules/m_sharp_sam.h"
#include "polder/optim/rules/none.h"
#include "polder/optim/rules/sam.h"

/// Each rule against its closed form on quadratics, and the identities between rules.
namespace polder::optim {
namespace {

class ClosedForm : public testing::TestWithParam<std::uint64_t> {
 protected:
  static constexpr std::int64_t kSize = 9, kRows = 7;

  Vector w = random_vector(kSize, "w", GetParam());
  nn::ParameterArena arena{quadratic_weights(w)};
  QuadraticObjective objective{arena};
  Batch batch = quadratic_batch(kRows, kSize, GetParam());
  Quadratic mean = quadratic_of(batch);

  StepReport report;
  Vector gradient_of(Rule&& rule) {
    objective.begin_step(0, kRows);
    Tensor g = arena.make_flat();
    report = rule.gradient(objective, batch, g);
    return dense(arena, g);
  }

  /// grad L(w + epsilon) and what is reported on the way, epsilon = rho T T g / ||T g||.
  struct Looked {
    Vector gradient;
    double loss, perturbed_loss, norm;
  };
  static Looked sharp_gradient(const Quadratic& form, const Vector& w, double rho,
                               const Vector& stretch) {
    Vector g = form.gradient(w), stretched = g;
    for (std::size_t i = 0; i < g.size(); ++i) stretched[i] *= stretch[i];
    const double length = norm(stretched);
    for (std::size_t i = 0; i < g.size(); ++i) g[i] *= stretch[i] * stretch[i];
    const Vector there = plus(rho / length, g, w);
    return {form.gradient(there), form.value(w), form.value(there), length};
  }
  void expect_report(const Looked& looked, double rho) {
    EXPECT_NEAR(report.loss.item(), looked.loss, 1e-12);
    EXPECT_NEAR(report.perturbed_loss.item(), looked.perturbed_loss, 1e-12);
    EXPECT_NEAR(report.gradient_norm.item(), looked.norm, 1e-12);
    EXPECT_EQ(report.radius.item(), rho);
    EXPECT_TRUE(report.perturbed);
  }
};
INSTANTIATE_TEST_SUITE_P(Seeds, ClosedForm, testing::Values(1, 2, 3));

TEST_P(ClosedForm, NoneIsTheCleanGradient) {
  EXPECT_THAT(gradient_of(None()), Near(mean.gradient(w), 1e-12));
  EXPECT_NEAR(report.loss.item(), mean.value(w), 1e-12);
  EXPECT_FALSE(report.perturbed);
  EXPECT_FALSE(report.perturbed_loss.defined());
  EXPECT_DOUBLE_EQ(objective.work().gradients, 1.0);
}

TEST_P(ClosedForm, SamIsTheGradientAtDistanceRho) {
  const Looked expected = sharp_gradient(mean, w, 0.3, Vector(kSize, 1.0));
  EXPECT_THAT(gradient_of(Sam(0.3)), Near(expected.gradient, 1e-12));
  expect_report(expected, 0.3);
  EXPECT_DOUBLE_EQ(objective.work().gradients, 2.0);
}

TEST_P(ClosedForm, AsamMeasuresInUnitsOfTheWeights) {
  Vector stretch(kSize);
  for (std::size_t i = 0; i < stretch.size(); ++i) stretch[i] = std::abs(w[i]) + 0.02;
  const Looked expected = sharp_gradient(mean, w, 0.5, stretch);
  EXPECT_THAT(gradient_of(Asam(0.5, 0.02)), Near(expected.gradient, 1e-12));
  expect_report(expected, 0.5);
  EXPECT_DOUBLE_EQ(objective.work().gradients, 2.0);
}

TEST_P(ClosedForm, MSharpSamWeighsRaggedShardsBySize) {
  for (const std::int64_t m : {1, 2, 3, 5, 7}) {
    SCOPED_TRACE(m);
    Vector expected(kSize, 0.0);
    Looked total{{}, 0, 0, 0};
    std::int64_t largest = 0, smallest = kRows, covered = 0;
    objective.diary.clear();
    const Vector found = gradient_of(MSharpSam(m, 0.3));
    for (std::size_t pass = 0; pass < objective.diary.size(); pass += 2) {
      const std::int64_t rows = objective.diary[pass].rows;
      const Batch shard = batch.slice(covered, covered + rows);
      const double share = static_cast<double>(rows) / kRows;
      const Looked part = sharp_gradient(quadratic_of(shard), w, 0.3, Vector(kSize, 1.0));
      expected = plus(share, part.gradient, expected);
      total.loss += share * part.loss;
      total.perturbed_loss += share * part.perturbed_loss;
      total.norm += share * part.norm;
      covered += rows;
      largest = std::max(largest, rows);
      smallest = std::min(smallest, rows);
    }
    EXPECT_EQ(objective.diary.size(), static_cast<std::size_t>(2 * m));
    EXPECT_EQ(covered, kRows);
    EXPECT_LE(largest - smallest, 1);
    EXPECT_THAT(found, Near(expected, 1e-12));
    expect_report(total, 0.3);
  }
  EXPECT_DOUBLE_EQ(objective.work().gradients, 10.0);  // 2 for each m
}

TEST_P(ClosedForm, MSharpSamStartsEveryShardAtHomeAndMovesStatisticsOnce) {
  gradient_of(MSharpSam(3, 0.3));
  for (std::size_t pass = 0; pass < 6; pass += 2) {
    EXPECT_THAT(objective.diary[pass].weights, Near(w, 0.0));
    EXPECT_NEAR(norm(plus(-1.0, w, objective.diary[pass + 1].weights)), 0.3, 1e-12);
  }
  for (std::size_t pass = 0; pass < 6; ++pass)
    EXPECT_EQ(objective.diary[pass].moved_statistics, pass == 0);
}

TEST_P(ClosedForm, MSharpSamRefusesMoreShardsThanRows) {
  EXPECT_EQ(error_of([&] { gradient_of(MSharpSam(8, 0.3)); }),
            "m_sharp_sam: m is 8, but the batch has only 7 rows");
}

TEST_P(ClosedForm, ZeroGradientStaysFiniteAndAtHome) {
  arena.home().copy_from(arena.make_flat());
  kernels::backend_of(batch.targets).fill(0.0, batch.targets);  // the minimum is at w = 0
  for (const double rho : {0.0, 0.3}) {
    EXPECT_THAT(gradient_of(Sam(rho)), Near(Vector(kSize, 0.0), 0.0));
    EXPECT_THAT(gradient_of(Asam(rho, 0.01)), Near(Vector(kSize, 0.0), 0.0));
    EXPECT_THAT(gradient_of(MSharpSam(2, rho)), Near(Vector(kSize, 0.0), 0.0));
    for (const auto& pass : objective.diary)
      EXPECT_THAT(pass.weights, Near(Vector(kSize, 0.0), 0.0));
  }
}

// ---- identities, bit for bit over 20 steps on a network with batch norm and dropout -------------

std::vector<std::byte> trained(const std::string& rule,
                               const std::map<std::string, std::string>& settings = {}) {
  Training training(rule, Settings(settings));
  training.run_steps(20);
  return training.weight_bits();
}

TEST(Identity, RulesDifferFromOneAnother) {
  EXPECT_NE(trained("sam"), trained("none"));
  EXPECT_NE(trained("asam"), trained("sam"));
  EXPECT_NE(trained("asam", {{"scope", "all"}}), trained("asam"));
  EXPECT_NE(trained("m_sharp_sam"), trained("sam"));
}

TEST(Identity, RadiusZeroIsTheBaseOptimizer) {
  EXPECT_EQ(trained("sam", {{"rho", "0"}}), trained("none"));
  EXPECT_EQ(trained("asam", {{"rho", "0"}}), trained("none"));
  EXPECT_EQ(trained("asam", {{"rho", "0"}, {"xi", "0"}, {"scope", "all"}}), trained("none"));
  EXPECT_EQ(trained("m_sharp_sam", {{"rho", "0"}, {"m", "1"}}), trained("none"));
}

TEST(Identity, OneShardIsSam) {
  EXPECT_EQ(trained("m_sharp_sam", {{"m", "1"}, {"rho", "0.1"}}), trained("sam", {{"rho", "0.1"}}));
}

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

TEST(Identity, AsamWithoutAdaptiveSegmentsIsSam) {
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

TEST(Identity, AsamIsInvariantUnderRescalingALayerPair) {
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
