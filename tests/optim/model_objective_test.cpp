#include "polder/optim/model_objective.h"

#include <gtest/gtest.h>

#include "optim/quadratic.h"
#include "optim/support.h"
#include "polder/autograd/functions.h"
#include "polder/optim/flat.h"
#include "polder/optim/rows.h"
#include "polder/optim/rules/asam.h"
#include "polder/optim/rules/sam.h"

namespace polder::optim {
namespace {

/// A float64 network, smooth enough for differences where the seed keeps ReLU away from its kink.
class ModelObjectiveTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  NetProblem problem{{.dtype = DType::float64, .seed = GetParam()}};
  nn::ParameterArena& arena = problem.arena;
  ModelObjective& objective = problem.objective;
  Batch batch = problem.batch(0);
  Tensor g = arena.make_flat();

  void SetUp() override { objective.begin_step(4, batch.size()); }

  /// Mean loss, or gradient, at w + h v, by passes of the same step.
  double loss_at(const Vector& w, const Vector& v, double h) {
    arena.home().copy_from(flat_of(arena, plus(h, v, w)));
    Tensor unused = arena.make_flat();
    return objective.gradient(batch, unused).item();
  }
  Vector gradient_at(const Vector& w, const Vector& v, double h) {
    arena.home().copy_from(flat_of(arena, plus(h, v, w)));
    objective.gradient(batch, g);
    return dense(arena, g);
  }
};
INSTANTIATE_TEST_SUITE_P(Seeds, ModelObjectiveTest, testing::Values(1, 2, 3));

TEST_P(ModelObjectiveTest, GradientIsThatOfTheMeanLoss) {
  const Vector w = dense(arena, arena.home());
  const Vector g_here = gradient_at(w, w, 0.0);
  const double h = 1e-6;
  for (const std::uint64_t stream : {1, 2, 3, 4}) {
    const Vector v = random_vector(arena.weight_count(), "v", stream);
    const double slope = (loss_at(w, v, h) - loss_at(w, v, -h)) / (2 * h);
    EXPECT_NEAR(inner(g_here, v), slope, 1e-7 * norm(g_here) * norm(v));
  }
}

TEST_P(ModelObjectiveTest, HessianProductIsTheSlopeOfTheGradient) {
  const Vector w = dense(arena, arena.home());
  const Vector v = random_vector(arena.weight_count(), "v", 9);
  const double h = 1e-6;
  const Vector up = gradient_at(w, v, h), down = gradient_at(w, v, -h);
  Vector slope = plus(-1.0, down, up);
  for (double& x : slope) x /= 2 * h;
  gradient_at(w, v, 0.0);  // back home
  Tensor product = arena.make_flat();
  objective.hessian_vector_product(batch, flat_of(arena, v), product);
  EXPECT_THAT(dense(arena, product), Near(slope, 1e-7 * norm(slope)));
}

TEST_P(ModelObjectiveTest, LossesAverageToTheLoss) {
  const Vector losses = objective.losses(batch).to_vector<double>();
  double sum = 0.0;
  for (const double loss : losses) sum += loss;
  EXPECT_EQ(losses.size(), 13U);
  EXPECT_NEAR(objective.gradient(batch, g).item(), sum / 13.0, 1e-14);
}

TEST_P(ModelObjectiveTest, MasksReplayWithinAStepAndChangeBetweenSteps) {
  const double loss = objective.gradient(batch, g).item();
  EXPECT_EQ(objective.gradient(batch, g).item(), loss);
  objective.begin_step(5, batch.size());
  EXPECT_NE(objective.gradient(batch, g).item(), loss);
  objective.begin_step(4, batch.size());
  EXPECT_EQ(objective.gradient(batch, g).item(), loss);
}

TEST_P(ModelObjectiveTest, UpperPassesMeetNoMasks) {
  NetProblem dry({.dtype = DType::float64, .dropout = 0.0, .seed = GetParam()});
  dry.objective.begin_step(4, batch.size());
  const double expected = dry.objective.gradient(batch, g).item();
  EXPECT_EQ(objective.gradient(batch, g, {.upper = true}).item(), expected);
  EXPECT_NE(objective.gradient(batch, g).item(), expected);
}

TEST_P(ModelObjectiveTest, OnlyTheFirstTrainingPassMovesTheStatistics) {
  const Tensor mean = problem.model->buffers().front().tensor;
  const auto before = bits_of(mean);
  objective.gradient(batch, g, {.upper = true});
  objective.hessian_vector_product(batch, g.clone(), g);
  objective.evaluate(batch.inputs);
  EXPECT_EQ(bits_of(mean), before);
  objective.gradient(batch, g);
  const auto once = bits_of(mean);
  EXPECT_NE(once, before);
  objective.gradient(batch, g);
  objective.losses(batch);
  EXPECT_EQ(bits_of(mean), once);
}

TEST_P(ModelObjectiveTest, EvaluationUsesRunningStatisticsAndNoMasks) {
  const Vector all = objective.evaluate(batch.inputs).to_vector<double>();
  const Vector first = objective.evaluate(batch.inputs.slice(0, 1)).to_vector<double>();
  EXPECT_THAT(first, Near(Vector(all.begin(), all.begin() + 5), 1e-13));  // no row sees another
}

TEST(ModelObjectiveChunks, ReplayTheMasksOfTheWholeBatch) {
  NetProblem problem({.dtype = DType::float64, .batch_norm = false});
  const Batch batch = problem.batch(0);
  problem.objective.begin_step(0, batch.size());
  Tensor whole = problem.arena.make_flat(), chunked = whole.clone(), v = whole.clone();
  const double loss = problem.objective.gradient(batch, whole).item();
  problem.objective.set_micro_batch(4);
  EXPECT_NEAR(problem.objective.gradient(batch, chunked).item(), loss, 1e-14);
  EXPECT_THAT(dense(problem.arena, chunked), Near(dense(problem.arena, whole), 1e-14));
}

TEST(ModelObjectiveErrors, SayWhatWasFoundAndWanted) {
  NetProblem problem;
  const Batch batch = problem.batch(0);
  Tensor g = problem.arena.make_flat();
  ModelObjective wrong(
      *problem.model, problem.arena, [](const autograd::Variable& y, const Tensor&) { return y; },
      1);
  wrong.begin_step(0, batch.size());
  EXPECT_EQ(error_of([&] { wrong.gradient(batch, g); }),
            "ModelObjective: the loss function gave [13, 5], want one loss per sample [13]");
  EXPECT_EQ(error_of([&] { ModelObjective(*problem.model, problem.arena, nullptr, 1); }),
            "ModelObjective: the loss function is empty");
  EXPECT_EQ(error_of([] { cross_entropy_loss(1.0); }),
            "cross_entropy_loss: smoothing is 1, want a number in [0, 1)");
  problem.objective.set_validation(nullptr);
  EXPECT_EQ(error_of([&] { problem.objective.validation_batch(); }),
            "validation_batch: this objective has no held-out validation data");
  problem.objective.set_validation([&] { return batch; });
  EXPECT_EQ(problem.objective.validation_batch().size(), 13);
}

TEST(ModelObjectiveLosses, MeanSquaredErrorComparesWithTargets) {
  NetProblem problem({.dtype = DType::float64});
  Batch batch = problem.batch(0);
  batch.targets = Tensor::from(random_vector(13 * 5, "targets", 1), {13, 5});
  ModelObjective objective(*problem.model, problem.arena, mean_squared_error_loss(), 1);
  objective.begin_step(0, 13);
  const Vector losses = objective.losses(batch, {.upper = true}).to_vector<double>();
  nn::Pass pass{.dropout = false, .move_statistics = false};
  const Vector outputs =
      problem.model->forward(autograd::Variable(batch.inputs), pass).value().to_vector<double>();
  const Vector targets = batch.targets.to_vector<double>();
  for (std::size_t row = 0; row < 13; ++row) {
    double mean = 0.0;
    for (std::size_t j = row * 5; j < row * 5 + 5; ++j)
      mean += (outputs[j] - targets[j]) * (outputs[j] - targets[j]) / 5;
    EXPECT_NEAR(losses[row], mean, 1e-14);
  }
}

// ---- terms, weights, other modes ----------------------------------------------------------------

TEST(ModelObjectivePasses, ATermOnTheOutputsJoinsTheLosses) {
  NetProblem problem({.dtype = DType::float64});
  const Batch batch = problem.batch(0);
  problem.objective.begin_step(0, 13);
  Tensor plain = problem.arena.make_flat(), with = plain.clone(), alone = plain.clone();
  int calls = 0;
  const LossTerm square = [&](const autograd::Variable& outputs, const Batch& rows) {
    ++calls;
    EXPECT_EQ(rows.size(), outputs.size(0));
    return autograd::sum(autograd::square(outputs), 1);
  };
  Tensor losses;
  problem.objective.gradient(batch, plain);
  problem.objective.gradient(batch, with, {.losses = &losses, .term = &square});
  EXPECT_EQ(calls, 1);
  ModelObjective squares(
      *problem.model, problem.arena,
      [](const autograd::Variable& y, const Tensor&) {
        return autograd::sum(autograd::square(y), 1);
      },
      1);
  squares.begin_step(0, 13);
  Tensor values;
  squares.gradient(batch, alone, {.move_statistics = false, .losses = &values});
  const Vector sum = plus(1.0, dense(problem.arena, plain), dense(problem.arena, alone));
  EXPECT_THAT(dense(problem.arena, with), Near(sum, 1e-12));
  const Vector cross = problem.objective.losses(batch).to_vector<double>();
  EXPECT_THAT(losses.to_vector<double>(),
              Near(plus(1.0, cross, values.to_vector<double>()), 1e-12));
  const LossTerm nothing = [](const autograd::Variable&, const Batch&) {
    return autograd::Variable();
  };
  problem.objective.gradient(batch, with, {.term = &nothing});
  EXPECT_EQ(bits_of(with), bits_of(plain));
}

TEST(ModelObjectivePasses, RowWeightsMayBeFoundAwayFromHomeBetweenForwardAndBackward) {
  NetProblem straight, wandering;
  const Batch batch = straight.batch(0);
  straight.objective.begin_step(0, 13);
  wandering.objective.begin_step(0, 13);
  Tensor expected = straight.arena.make_flat(), found = expected.clone(), noise = expected.clone();
  straight.objective.gradient(batch, expected, {.row_weights = [](const Tensor& l) { return l; }});
  draw_normal(wandering.arena, random_key(1, "noise"), 0.1, noise);
  Tensor elsewhere;
  const auto weights = [&](const Tensor& losses) {
    const Excursion away(wandering.objective,
                         displace(wandering.arena, noise, Tensor::scalar(1.0)));
    elsewhere = wandering.objective.losses(batch);
    EXPECT_NE(bits_of(elsewhere), bits_of(losses));
    return losses;
  };
  wandering.objective.gradient(batch, found, {.row_weights = weights});
  EXPECT_TRUE(elsewhere.defined());
  EXPECT_EQ(bits_of(found), bits_of(expected));
}

TEST(ModelObjectivePasses, GatheredRowsMeetTheirOwnMasks) {
  NetProblem problem({.batch_norm = false, .dropout = 0.5});
  const Batch batch = problem.batch(0);
  problem.objective.begin_step(0, 13);
  const std::vector<float> whole = problem.objective.losses(batch).to_vector<float>();
  const std::vector<std::int64_t> chosen = {1, 4, 5, 12};
  const Batch some = gather(batch, Tensor::from(chosen, {4}));
  const std::vector<float> part = problem.objective.losses(some).to_vector<float>();
  const Batch fewer = gather(some.slice(1, 4), Tensor::from(std::vector<std::int64_t>{2, 0}, {2}));
  const std::vector<float> last = problem.objective.losses(fewer).to_vector<float>();
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_FLOAT_EQ(part[i], whole[static_cast<std::size_t>(chosen[i])]);
  EXPECT_FLOAT_EQ(last[0], whole[12]);
  EXPECT_FLOAT_EQ(last[1], whole[4]);
  EXPECT_EQ(some.indices.to_vector<std::int64_t>()[2], batch.indices.to_vector<std::int64_t>()[5]);
}

TEST(ModelObjectivePasses, EvaluationUsesRunningStatisticsAndMovesNothing) {
  NetProblem problem;
  const Batch batch = problem.batch(0);
  problem.objective.begin_step(0, 13);
  const Tensor mean = problem.objective.buffers()[0].tensor;
  const auto before = bits_of(mean);
  const Tensor outputs = problem.objective.outputs(batch, {.evaluation = true});
  EXPECT_EQ(bits_of(outputs), bits_of(problem.objective.evaluate(batch.inputs)));
  Tensor g = problem.arena.make_flat(), single = g.clone();
  problem.objective.gradient(batch.slice(0, 1), g, {.evaluation = true});
  EXPECT_EQ(bits_of(mean), before);
  // A row by itself or among others: no statistics of the batch.
  const auto only_first = [](const Tensor& losses) {
    std::vector<float> omega(13, 0.0F);
    omega[0] = 13.0F;
    return Tensor::from(omega, losses.shape());
  };
  problem.objective.gradient(batch, single, {.evaluation = true, .row_weights = only_first});
  for (std::int64_t i = 0; i < g.numel(); ++i)
    EXPECT_NEAR(g.data<float>()[i], single.data<float>()[i], 1e-6F);
  problem.objective.outputs(batch);  // the step's first training pass
  EXPECT_NE(bits_of(mean), before);
}

TEST(ModelObjectivePasses, StatisticsCanBeEstimatedAnew) {
  NetProblem problem({.dtype = DType::float64, .dropout = 0.0});
  problem.objective.begin_step(0, 13);
  problem.objective.losses(problem.batch(7));  // leaves something behind to be forgotten
  Vector mean(17, 0.0);
  for (std::int64_t t = 0; t < 3; ++t) {
    problem.objective.outputs(
        problem.batch(t), {.upper = true, .statistics_momentum = 1.0 / static_cast<double>(t + 1)});
    nn::Pass pass;
    const auto& segments = problem.arena.segments();
    const Vector weight = problem.arena.part(problem.arena.home(), segments[0]).to_vector<double>();
    const Vector bias = problem.arena.part(problem.arena.home(), segments[1]).to_vector<double>();
    const Vector x = problem.batch(t).inputs.to_vector<double>();
    for (std::size_t j = 0; j < 17; ++j)
      for (std::size_t row = 0; row < 13; ++row) {
        double y = bias[j];
        for (std::size_t k = 0; k < 6; ++k) y += weight[j * 6 + k] * x[row * 6 + k];
        mean[j] += y / 39.0;
      }
  }
  EXPECT_EQ(problem.objective.buffers()[0].name, "bn1.running_mean");
  EXPECT_THAT(problem.objective.buffers()[0].tensor.to_vector<double>(), Near(mean, 1e-12));
}

// ---- gradients that are missing in one pass -----------------------------------------------------

/// x w1, with w2 added in the passes whose number is listed: layer drop, routing.
class Routed : public nn::Module {
 public:
  explicit Routed(std::vector<int> passes_with_second) : with_second_(passes_with_second) {
    Tensor initial = Tensor::empty({3, 6}, DType::float64);
    kernels::backend_of(initial).random_normal(random_key(1, "routed"), 0.0, 1.0, initial);
    first_ = add_parameter("first", nn::SegmentKind::weight, initial);
    second_ = add_parameter("second", nn::SegmentKind::weight, initial.clone());
  }
  nn::Variable forward(const nn::Variable& x, nn::Pass&) override {
    const bool with = std::count(with_second_.begin(), with_second_.end(), pass_++) > 0;
    const nn::Variable y = autograd::linear(x, first_, {});
    seen.push_back(second_.value().to_vector<double>());
    return with ? autograd::add(y, autograd::tanh(autograd::linear(x, second_, {}))) : y;
  }
  std::vector<Vector> seen;  // the second weight, as each pass found it

 private:
  std::vector<int> with_second_;
  int pass_ = 0;
  nn::Variable first_, second_;
};

struct RoutedStep {
  Routed model;
  nn::ParameterArena arena{model};
  ModelObjective objective{model, arena, mean_squared_error_loss(), 1};
  Tensor g = arena.make_flat();
  std::vector<std::byte> before = bits_of(arena.home());

  RoutedStep(std::vector<int> passes_with_second, Rule&& rule) : model(passes_with_second) {
    const Batch batch{.inputs = Tensor::from(random_vector(4 * 6, "x", 1), {4, 6}),
                      .targets = Tensor::from(random_vector(4 * 3, "y", 1), {4, 3})};
    objective.begin_step(0, 4);
    kernels::backend_of(g).fill(NAN, g);
    rule.gradient(objective, batch, g);
  }
  double gradient_norm(std::size_t segment) const {
    const Vector part = arena.part(g, arena.segments()[segment]).to_vector<double>();
    return norm(part);
  }
};

TEST(MissingGradient, InTheSecondPassCountsAsZeroAndTheWeightComesHome) {
  RoutedStep sam({0}, Sam(0.5)), asam({0}, Asam(0.5));
  for (const RoutedStep* step : {&sam, &asam}) {
    EXPECT_NE(step->model.seen[0], step->model.seen[1]);  // it was perturbed
    EXPECT_EQ(step->gradient_norm(1), 0.0);
    EXPECT_GT(step->gradient_norm(0), 0.0);
    EXPECT_EQ(bits_of(step->arena.home()), step->before);
    EXPECT_EQ(bits_of(step->arena.active()), step->before);
  }
}

TEST(MissingGradient, InTheFirstPassLeavesTheWeightUnperturbed) {
  RoutedStep sam({1}, Sam(0.5)), asam({1}, Asam(0.5));
  for (const RoutedStep* step : {&sam, &asam}) {
    EXPECT_EQ(step->model.seen[0], step->model.seen[1]);
    EXPECT_GT(step->gradient_norm(1), 0.0);
    EXPECT_EQ(bits_of(step->arena.home()), step->before);
  }
}

TEST(MissingGradient, HessianProductOfAnUnusedWeightIsZero) {
  RoutedStep step({}, Sam(0.5));
  Tensor v = flat_of(step.arena, random_vector(36, "v", 1)), product = step.arena.make_flat();
  const Batch batch{.inputs = Tensor::from(random_vector(4 * 6, "x", 1), {4, 6}),
                    .targets = Tensor::from(random_vector(4 * 3, "y", 1), {4, 3})};
  step.objective.hessian_vector_product(batch, v, product);
  const Vector found = dense(step.arena, product);
  EXPECT_GT(norm(Vector(found.begin(), found.begin() + 18)), 0.0);
  EXPECT_EQ(norm(Vector(found.begin() + 18, found.end())), 0.0);
}

TEST(ModelObjectiveLosses, CrossEntropySmoothsItsTargets) {
  NetProblem problem({.dtype = DType::float64});
  const Batch batch = problem.batch(0);
  ModelObjective objective(*problem.model, problem.arena, cross_entropy_loss(0.2), 1);
  objective.begin_step(0, 13);
  const Vector losses = objective.losses(batch, {.upper = true}).to_vector<double>();
  nn::Pass pass{.dropout = false, .move_statistics = false};
  const Vector outputs =
      problem.model->forward(autograd::Variable(batch.inputs), pass).value().to_vector<double>();
  const auto labels = batch.targets.to_vector<std::int64_t>();
  for (std::size_t row = 0; row < 13; ++row) {
    double sum = 0.0, expected = 0.0;
    for (std::size_t c = 0; c < 5; ++c) sum += std::exp(outputs[row * 5 + c]);
    for (std::size_t c = 0; c < 5; ++c)
      expected += (c == static_cast<std::size_t>(labels[row]) ? 0.84 : 0.04) *
                  (std::log(sum) - outputs[row * 5 + c]);
    EXPECT_NEAR(losses[row], expected, 1e-13);
  }
}

TEST(ModelObjectiveLosses, AConstantGradientHasNoCurvature) {
  const nn::Build build{.seed = 1, .dtype = DType::float64};
  nn::Linear model(build, 6, 1);
  nn::ParameterArena arena(model);
  ModelObjective objective(
      model, arena,
      [](const autograd::Variable& y, const Tensor&) { return autograd::reshape(y, {y.size(0)}); },
      1);
  objective.begin_step(0, 4);
  const Batch batch{.inputs = Tensor::from(random_vector(4 * 6, "x", 1), {4, 6})};
  const Tensor v = flat_of(arena, Vector(7, 1.0));
  Tensor product = v.clone();
  objective.hessian_vector_product(batch, v, product);
  EXPECT_THAT(dense(arena, product), Near(Vector(7, 0.0), 0.0));
}

}  // namespace
}  // namespace polder::optim
