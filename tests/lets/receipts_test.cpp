#include "polder/lets/receipts.h"

#include <gmock/gmock.h>

#include <cmath>

#include "networks.h"
#include "polder/lets/lets.h"
#include "polder/optim/adam.h"
#include "polder/optim/rules/asam.h"
#include "polder/optim/rules/none.h"
#include "polder/optim/rules/sam.h"
#include "polder/optim/sgd.h"
#include "polder/optim/training_step.h"
#include "quadratics.h"
#include "testing.h"

namespace polder::lets {
namespace {

/// A run in the middle of training, ready for a receipt.
struct Training {
  Training(const std::string& network, DType type, double clip_at = 0.5)
      : net(network, 4, type), clip(clip_at), dtype(type) {
    net.objective.set_validation([this] { return images(100); });
  }
  Batch images(std::uint64_t seed) const { return random_images(14, seed, dtype); }

  void train(optim::Rule& rule, optim::BaseOptimizer& base, std::int64_t first, std::int64_t last) {
    base.set_rate(0.05);
    optim::TrainingStep step(net.objective, rule, base, clip);
    for (std::int64_t t = first; t < last; ++t) step.run(images(t), t);
  }
  Receipt receipt(optim::RadiusRule& rule, optim::BaseOptimizer& base, std::int64_t step) {
    return receipts(rule, net.objective, base, clip, images(7), {images(9), images(8)}, step);
  }

  Network net;
  double clip;
  DType dtype;
};

TEST(Receipts, ExactSlopeIsTheCentralDifferenceInFloat64) {
  Training run("conv_dropout", DType::float64);
  optim::Adam base(run.net.arena, {.weight_decay = 0.01});
  optim::Asam rule(0.5);
  run.train(rule, base, 0, 3);
  const Receipt found = run.receipt(rule, base, 3);
  const double slope = found.central_difference;
  EXPECT_TRUE(found.reliable);
  EXPECT_EQ(found.radius, 0.5);
  EXPECT_DOUBLE_EQ(found.objective, 0.5 * found.gap * found.gap);
  EXPECT_NEAR(found.slope(Curvature::exact), slope, 1e-6 * std::abs(slope));
  EXPECT_NEAR(found.slope(Curvature::finite_difference), slope, 1e-5 * std::abs(slope));
  EXPECT_GT(std::abs(found.slope(Curvature::secant) - slope), 1e-4 * std::abs(slope));
  EXPECT_LT(found.doubt, 1e-3 * std::abs(slope));
}

TEST(Receipts, HoldForTheValidationLoss) {
  Training run("conv_dropout", DType::float64);
  optim::Sgd base(run.net.arena, {.momentum = 0.9});
  optim::Sam rule(0.3);
  run.train(rule, base, 0, 3);
  const Batch training = run.images(9), validation = run.images(8);
  const UpperProblem problem{training, validation, UpperObjective::validation_loss};
  const Receipt found = receipts(rule, run.net.objective, base, 0.5, run.images(7), problem, 3);
  const double slope = found.central_difference;
  EXPECT_TRUE(std::isnan(found.gap));
  EXPECT_GT(found.objective, 0.0);
  EXPECT_NEAR(found.slope(Curvature::exact), slope, 1e-6 * std::abs(slope));
  EXPECT_EQ(to_text(found).find("gap"), std::string::npos);
}

// J of a quadratic under SGD is a quartic, on which five points leave no truncation error.
TEST(Receipts, DifferenceOfAQuarticIsExact) {
  const std::size_t n = 6;
  nn::ParameterArena arena({{"w", Tensor::from(normal_values(n, "w", 3), {n})}});
  QuadraticObjective objective(arena,
                               {random_quadratic(n, 3, "lower"), random_quadratic(n, 3, "upper")});
  optim::Sgd base(arena, {.momentum = 0.0});
  base.set_rate(0.1);
  optim::Sam rule(0.3);
  const Receipt found =
      receipts(rule, objective, base, 0.0, rows_of({0}), {rows_of({0}), rows_of({1})}, 0);
  EXPECT_NEAR(found.central_difference, found.slope(Curvature::exact),
              1e-10 * std::abs(found.central_difference));
  EXPECT_GT(found.doubt, 1e-9 * std::abs(found.central_difference)) << "two points would not do";
}

TEST(Receipts, HoldInFloat32) {
  Training run("mlp_tanh", DType::float32);
  optim::Sgd base(run.net.arena, {.momentum = 0.9});
  optim::Sam rule(0.2);
  run.train(rule, base, 0, 3);
  const Receipt found = run.receipt(rule, base, 3);
  EXPECT_FLOAT_EQ(static_cast<float>(found.step), 0.02F);
  EXPECT_NEAR(found.slope(Curvature::exact), found.central_difference,
              1e-2 * std::abs(found.central_difference));
}

TEST(Receipts, ShiftAllRadiiTogetherWithOnePerSegment) {
  Training run("conv", DType::float64);
  optim::Sgd base(run.net.arena, {.momentum = 0.9});
  LetsOptions options;
  options.per_segment = true;
  options.radius.learning_rate = 0.1;
  Lets lets(std::make_unique<optim::Sam>(0.2), options, run.net.arena);
  run.train(lets, base, 0, 3);
  const std::vector<double> radii = lets.radius().to_vector<double>();
  ASSERT_NE(radii.front(), radii.back());

  const Receipt found = run.receipt(lets.wrapped(), base, 3);
  EXPECT_TRUE(std::isnan(found.slope(Curvature::secant)));
  EXPECT_NEAR(found.slope(Curvature::exact), found.central_difference,
              1e-6 * std::abs(found.central_difference));
}

/// All that a training run is made of.
std::vector<double> everything(Training& run, Lets& lets, optim::BaseOptimizer& base) {
  struct Collector final : StateVisitor {
    std::vector<double> values;
    void visit(const std::string&, Tensor& tensor) override {
      Tensor wide = Tensor::empty(tensor.shape(), DType::float64);
      kernels::backend_of(tensor).cast(tensor, wide);
      const auto more = wide.to_vector<double>();
      values.insert(values.end(), more.begin(), more.end());
    }
    void visit(const std::string&, double& value) override { values.push_back(value); }
    void visit(const std::string&, std::int64_t& value) override {
      values.push_back(static_cast<double>(value));
    }
    void visit(const std::string&, std::vector<double>& list) override {
      values.insert(values.end(), list.begin(), list.end());
    }
  } collector;
  collector.visit("home", run.net.arena.home());
  collector.visit("twin", run.net.arena.twin());
  for (auto& [name, tensor] : run.net.model->buffers()) {
    Tensor statistics = tensor;
    collector.visit(name, statistics);
  }
  base.visit_state(collector);
  lets.visit_state(collector);
  const auto [work, branched, step, rows, moved] = run.net.objective.progress();
  for (const double count :
       {work.gradients, work.forwards, work.hessian_products, static_cast<double>(step),
        static_cast<double>(rows), static_cast<double>(moved)})
    collector.values.push_back(count);
  return collector.values;
}

TEST(Receipts, ChangeNothing) {
  for (const DType dtype : {DType::float32, DType::float64}) {
    Training run("conv_dropout", dtype);
    optim::Adam base(run.net.arena, {});
    Lets lets(std::make_unique<optim::Sam>(0.2), {}, run.net.arena);
    run.train(lets, base, 0, 3);
    const std::vector<double> before = everything(run, lets, base);
    run.receipt(lets.wrapped(), base, 3);
    EXPECT_EQ(everything(run, lets, base), before);
    EXPECT_EQ(run.net.objective.batch_norm_update(), optim::BatchNormUpdate::clean);
    EXPECT_TRUE(lets.wrapped().radius().shares_memory_with(lets.radius()));

    Training quiet("conv_dropout", dtype);
    optim::Adam quiet_base(quiet.net.arena, {});
    Lets quiet_lets(std::make_unique<optim::Sam>(0.2), {}, quiet.net.arena);
    quiet.train(quiet_lets, quiet_base, 0, 3);
    quiet.train(quiet_lets, quiet_base, 3, 6);
    run.train(lets, base, 3, 6);
    EXPECT_EQ(everything(run, lets, base), everything(quiet, quiet_lets, quiet_base));
  }
}

TEST(Receipts, ChangeNothingWhenTheyFail) {
  Training run("conv_dropout", DType::float64);
  optim::Sgd base(run.net.arena, {});
  Lets lets(std::make_unique<optim::Sam>(0.2), {}, run.net.arena);
  run.train(lets, base, 0, 3);
  const std::vector<double> before = everything(run, lets, base);
  Batch bad = run.images(8);
  bad.targets = Tensor::from(std::vector<std::int64_t>(14, 77), {14});  // labels out of range
  EXPECT_THROW(receipts(lets.wrapped(), run.net.objective, base, 0.0, run.images(7),
                        {run.images(7), bad}, 3),
               Error);
  EXPECT_EQ(everything(run, lets, base), before);
}

TEST(Receipts, RefuseAStepThatDoesNotPerturb) {
  Training run("mlp_tanh", DType::float64);
  optim::Sgd base(run.net.arena, {});
  EverySecond rule(0.2);
  EXPECT_EQ(error_of([&] { run.receipt(rule, base, 1); }),
            "receipts: the rule does not perturb on step 1, so J does not depend on its radius "
            "there");
  EXPECT_EQ(error_of([&] { run.receipt(rule, base, 2); }), "");
}

TEST(Receipts, SayWhenAStepSaysLittle) {
  Training run("mlp_tanh", DType::float64);
  optim::Adam base(run.net.arena, {});
  base.set_rate(0.01);
  optim::Sam rule(0.2);
  const Receipt first = run.receipt(rule, base, 0);
  EXPECT_FALSE(first.reliable);
  EXPECT_THAT(to_text(first), testing::HasSubstr("says little"));
}

TEST(Receipts, PrintATable) {
  Receipt receipt;
  receipt.radius = 0.05;
  receipt.gap = -0.02;
  receipt.objective = 2e-4;
  receipt.slopes = {1.25e-3, 1.5e-3, std::nan(""), -1e-3};
  receipt.central_difference = 1.25e-3;
  receipt.step = 5e-5;
  receipt.doubt = 2e-9;
  EXPECT_EQ(to_text(receipt),
            "rho 0.05   gap -0.02   J 0.0002\n"
            "central difference   1.250000e-03   h 5.00e-05, doubt 2.0e-09\n"
            "exact                1.250000e-03   1.000000000 of it\n"
            "finite_difference    1.500000e-03   1.200000000 of it\n"
            "secant                          -\n"
            "squared_gradient    -1.000000e-03   -0.800000000 of it\n");
}

}  // namespace
}  // namespace polder::lets
