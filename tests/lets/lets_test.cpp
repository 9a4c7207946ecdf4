#include "polder/lets/lets.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "networks.h"
#include "polder/core/allocator.h"
#include "polder/optim/adam.h"
#include "polder/optim/rules/m_sharp_sam.h"
#include "polder/optim/rules/none.h"
#include "polder/optim/rules/sam.h"
#include "polder/optim/sgd.h"
#include "polder/optim/training_step.h"
#include "quadratics.h"
#include "testing.h"

namespace polder::lets {
namespace {

using testing::HasSubstr;

std::unique_ptr<Lets> lets_over_sam(nn::ParameterArena& arena, LetsOptions options,
                                    double rho = 0.05) {
  return std::make_unique<Lets>(std::make_unique<optim::Sam>(rho), options, arena);
}

LetsOptions with(Curvature curvature, double learning_rate, bool per_segment = false) {
  LetsOptions options;
  options.curvature = curvature;
  options.radius.learning_rate = learning_rate;
  options.per_segment = per_segment;
  return options;
}

/// A run of `steps` steps in float32 on a network with batch norm and dropout.
struct Training {
  explicit Training(bool with_dropout = true)
      : net(with_dropout ? "conv_dropout" : "conv", 2, DType::float32),
        base(net.arena, {.momentum = 0.9, .weight_decay = 1e-3}) {
    base.set_rate(0.1);
    net.objective.set_validation(
        [this] { return random_images(10, 1000 + validations++, DType::float32); });
  }

  void train(optim::Rule& rule, std::int64_t first, std::int64_t last) {
    optim::TrainingStep step(net.objective, rule, base, 0.5);
    for (std::int64_t t = first; t < last; ++t)
      step.run(random_images(16, static_cast<std::uint64_t>(t), DType::float32), t);
  }

  /// Weights, momentum and running statistics.
  std::vector<float> everything() {
    std::vector<float> values = net.arena.home().to_vector<float>();
    for (const auto& [name, tensor] : net.model->buffers()) {
      const auto more = tensor.to_vector<float>();
      values.insert(values.end(), more.begin(), more.end());
    }
    return values;
  }

  Network net;
  optim::Sgd base;
  std::uint64_t validations = 0;
};

using Way = std::tuple<Curvature, bool>;

class EveryWay : public testing::TestWithParam<Way> {
 protected:
  LetsOptions options(double learning_rate) const {
    return with(std::get<0>(GetParam()), learning_rate, std::get<1>(GetParam()));
  }
};

INSTANTIATE_TEST_SUITE_P(
    Ways, EveryWay,
    testing::Values(Way{Curvature::exact, false}, Way{Curvature::finite_difference, false},
                    Way{Curvature::secant, false}, Way{Curvature::squared_gradient, false},
                    Way{Curvature::exact, true}, Way{Curvature::finite_difference, true},
                    Way{Curvature::squared_gradient, true}),
    [](const auto& way) {
      return std::string(to_string(std::get<0>(way.param))) +
             (std::get<1>(way.param) ? "_per_segment" : "");
    });

TEST_P(EveryWay, WithoutLearningRateIsTheWrappedRuleBitForBit) {
  Training plain, learned;
  optim::Sam sam(0.05);
  const auto lets = lets_over_sam(learned.net.arena, options(0.0));
  plain.train(sam, 0, 6);
  learned.train(*lets, 0, 6);
  ASSERT_TRUE(lets->last_upper().slope.defined()) << "no upper step was made";
  EXPECT_EQ(learned.validations, 6U);
  EXPECT_EQ(learned.everything(), plain.everything());
}

TEST_P(EveryWay, WithAnyStatisticsPolicyIsTheWrappedRuleBitForBit) {
  for (const auto policy : {optim::BatchNormUpdate::all, optim::BatchNormUpdate::never}) {
    Training plain, learned;
    plain.net.objective.set_batch_norm_update(policy);
    learned.net.objective.set_batch_norm_update(policy);
    optim::Sam sam(0.05);
    plain.train(sam, 0, 3);
    learned.train(*lets_over_sam(learned.net.arena, options(0.0)), 0, 3);
    EXPECT_EQ(learned.everything(), plain.everything());
  }
}

TEST_P(EveryWay, RadiusMovesAndStaysPositive) {
  Training run;
  const auto lets = lets_over_sam(run.net.arena, options(0.3));
  run.train(*lets, 0, 12);
  // A convolution's bias before batch norm has no effect, so its own radius may well stay.
  const std::vector<double> radii = lets->radius().to_vector<double>();
  EXPECT_GT(std::count_if(radii.begin(), radii.end(), [](double rho) { return rho != 0.05; }),
            std::ssize(radii) / 2);
  for (const double rho : radii) {
    EXPECT_GE(rho, 1e-5 * (1 - 1e-12));
    EXPECT_LE(rho, 1e2 * (1 + 1e-12));
  }
}

TEST_P(EveryWay, ContinuesFromSavedStateBitForBit) {
  Training whole, resumed;
  const auto first = lets_over_sam(whole.net.arena, options(0.1));
  whole.train(*first, 0, 4);
  const auto second = lets_over_sam(resumed.net.arena, options(0.1));
  Memory memory;
  const auto show = [&memory](Training& run, Lets& lets) {
    memory.visit("weights", run.net.arena.home());
    for (auto& [name, tensor] : run.net.model->buffers()) {
      Tensor statistics = tensor;
      memory.visit(name, statistics);
    }
    run.base.visit_state(memory);
    lets.visit_state(memory);
  };
  show(whole, *first);
  memory.recall();
  show(resumed, *second);
  resumed.validations = whole.validations;
  whole.train(*first, 4, 8);
  resumed.train(*second, 4, 8);
  EXPECT_EQ(resumed.everything(), whole.everything());
  EXPECT_EQ(second->radius().to_vector<double>(), first->radius().to_vector<double>());
  EXPECT_NE(first->radius().to_vector<double>()[0], 0.05);
}

TEST_P(EveryWay, StepReadsNothingBackAndAllocatesNothing) {
  Training run;
  const Batch training = random_images(16, 1, DType::float32);
  const Batch validation = random_images(10, 2, DType::float32);
  run.net.objective.set_validation([&] { return validation; });
  const auto lets = lets_over_sam(run.net.arena, options(0.1));
  optim::TrainingStep step(run.net.objective, *lets, run.base, 0.5);
  for (std::int64_t t = 0; t < 3; ++t) step.run(training, t);
  const auto reads = host_reads();
  const auto calls = allocator_of(kCpu).stats().system_calls;
  for (std::int64_t t = 3; t < 6; ++t) step.run(training, t);
  EXPECT_EQ(host_reads(), reads);
  EXPECT_EQ(allocator_of(kCpu).stats().system_calls, calls);
}

TEST_P(EveryWay, CostsWhatTheHeaderSays) {
  Training run;
  const auto lets = lets_over_sam(run.net.arena, options(0.1));
  run.net.objective.set_validation([] { return random_images(16, 99, DType::float32); });
  run.train(*lets, 0, 1);
  const Curvature way = std::get<0>(GetParam());
  const optim::WorkCount work = run.net.objective.work();
  EXPECT_EQ(work.gradients, way == Curvature::finite_difference ? 6.0 : 4.0);
  EXPECT_EQ(work.hessian_products, way == Curvature::exact ? 1.0 : 0.0);
}

TEST(Lets, TheValidationLossCostsOneGradientLess) {
  Training run;
  LetsOptions options = with(Curvature::secant, 0.1);
  options.upper_objective = UpperObjective::validation_loss;
  options.gap_batch = GapBatch::fresh;  // no source of fresh batches is needed
  const auto lets = lets_over_sam(run.net.arena, options);
  run.net.objective.set_validation([] { return random_images(16, 99, DType::float32); });
  run.train(*lets, 0, 1);
  EXPECT_EQ(run.net.objective.work().gradients, 3.0);
  EXPECT_NE(lets->radius().item(), 0.05);
}

TEST(Lets, LearnsToNarrowTheGap) {
  const Quadratic lower = random_quadratic(6, 11, "lower"),
                  upper = random_quadratic(6, 11, "upper");
  const Vector start = normal_values(6, "w", 11);
  const auto objective_after = [&](int upper_steps) {
    nn::ParameterArena arena({{"w", Tensor::from(start, {6})}});
    QuadraticObjective objective(arena, {lower, upper});
    objective.validation = rows_of({1});
    optim::Sgd base(arena, {.momentum = 0.0});
    base.set_rate(0.1);
    const auto lets = lets_over_sam(arena, with(Curvature::exact, 0.05), 0.3);
    optim::TrainingStep step(objective, *lets, base);
    double gap = 0.0;
    for (int t = 0; t <= upper_steps; ++t) {  // the same step over and over, rho learning
      arena.part(arena.home(), arena.segments()[0]).write<double>(start);
      step.run(rows_of({0}), t);
      gap = lets->last_upper().gap.item();
    }
    return 0.5 * gap * gap;
  };
  const double before = objective_after(0), some = objective_after(10), more = objective_after(20);
  EXPECT_LT(some, before);
  EXPECT_LT(more, some);
}

TEST(Lets, ActsOnlyWhenItsTurnComes) {
  Training run;
  LetsOptions options = with(Curvature::secant, 0.1);
  options.update_every = 3;
  const auto lets = lets_over_sam(run.net.arena, options);
  std::vector<double> radii;
  for (std::int64_t t = 0; t < 7; ++t) {
    run.train(*lets, t, t + 1);
    radii.push_back(lets->radius().item());
  }
  EXPECT_EQ(run.validations, 2U);
  EXPECT_EQ(radii[1], 0.05);
  EXPECT_NE(radii[2], 0.05);
  EXPECT_EQ(radii[4], radii[2]);
  EXPECT_NE(radii[5], radii[4]);
  EXPECT_EQ(radii[6], radii[5]);
}

TEST(Lets, PassesOverStepsThatDoNotPerturb) {
  Training run;
  Lets lets(std::make_unique<EverySecond>(0.05), with(Curvature::secant, 0.1), run.net.arena);
  run.train(lets, 0, 1);
  const double after_look = lets.radius().item();
  run.train(lets, 1, 2);
  EXPECT_NE(after_look, 0.05);
  EXPECT_EQ(lets.radius().item(), after_look);
  EXPECT_EQ(run.validations, 1U);
}

TEST(Lets, SkipsTheFirstStepOfAdam) {
  Training run;
  optim::Adam adam(run.net.arena, {});
  adam.set_rate(0.01);
  const auto lets = lets_over_sam(run.net.arena, with(Curvature::secant, 0.1));
  optim::TrainingStep step(run.net.objective, *lets, adam);
  step.run(random_images(16, 0, DType::float32), 0);
  EXPECT_FALSE(lets->last_upper().slope.defined());
  EXPECT_EQ(run.validations, 0U);
  step.run(random_images(16, 1, DType::float32), 1);
  EXPECT_TRUE(lets->last_upper().slope.defined());
}

TEST(Lets, ReportsTheRadiusOfTheStepItself) {
  Training run;
  const auto lets = lets_over_sam(run.net.arena, with(Curvature::secant, 0.1));
  optim::TrainingStep step(run.net.objective, *lets, run.base);
  const auto report = step.run(random_images(16, 0, DType::float32), 0);
  EXPECT_EQ(report.radius.item(), 0.05);
  EXPECT_NE(lets->radius().item(), 0.05);
}

TEST(Lets, HoldsTheRadiusWhereTheRangeEnds) {
  Training run;
  LetsOptions options = with(Curvature::exact, 10.0);
  options.radius.rho_min = 0.04;
  options.radius.rho_max = 0.06;
  const auto lets = lets_over_sam(run.net.arena, options);
  run.train(*lets, 0, 8);
  EXPECT_GT(lets->parameter().clamp_hits(), 0);
  EXPECT_GE(lets->radius().item(), 0.04 * (1 - 1e-12));
  EXPECT_LE(lets->radius().item(), 0.06 * (1 + 1e-12));
}

/// Throws in pass number `fuse`.
class FailingObjective final : public QuadraticObjective {
 public:
  using QuadraticObjective::QuadraticObjective;
  int fuse = 0;

 protected:
  Tensor add_gradient(const Batch& rows, const optim::RowWeights& seeds_of, PassPlan plan,
                      Tensor& g) override {
    require(--fuse != 0, "the pass failed");
    return QuadraticObjective::add_gradient(rows, seeds_of, plan, g);
  }
};

TEST(Lets, LeavesNothingBehindWhenTheObjectiveThrows) {
  for (const bool per_segment : {false, true}) {
    for (int fuse = 1; fuse <= 6; ++fuse) {  // 2 of the rule, 2 of the difference, 2 of the gap
      SCOPED_TRACE(fmt::format("pass {}, per segment {}", fuse, per_segment));
      nn::ParameterArena arena({{"w", Tensor::from(normal_values(5, "w"), {5})}});
      FailingObjective objective(
          arena, {random_quadratic(5, 1, "lower"), random_quadratic(5, 1, "upper")});
      objective.validation = rows_of({1});
      optim::Sgd base(arena, {});
      base.set_rate(0.1);
      const auto lets = lets_over_sam(arena, with(Curvature::finite_difference, 0.1, per_segment));
      optim::TrainingStep step(objective, *lets, base);
      objective.fuse = fuse;
      EXPECT_EQ(error_of([&] { step.run(rows_of({0}), 0); }), "the pass failed");
      EXPECT_EQ(objective.observer(), nullptr);
      EXPECT_FALSE(arena.at_twin());
      EXPECT_EQ(lets->radius().to_vector<double>()[0], 0.05);
      EXPECT_EQ(error_of([&] { step.run(rows_of({0}), 1); }), "");
    }
  }
}

TEST(Lets, GivesAFormerObserverItsPlaceBack) {
  struct Counter final : optim::ExcursionObserver {
    int looks = 0;
    void arrived(optim::Excursion&, const Batch&, double) override { ++looks; }
    void looked(optim::Excursion&, const Batch&, double, const Tensor&) override {}
  } counter;
  Training run;
  run.net.objective.set_observer(&counter);
  run.train(*lets_over_sam(run.net.arena, {}), 0, 1);
  EXPECT_EQ(run.net.objective.observer(), &counter);
}

/// A base optimizer whose derivative leaves terms out.
class TrustRatio final : public optim::BaseOptimizer {
 public:
  using BaseOptimizer::BaseOptimizer;
  void step(const Tensor& g) override { advance(g); }
  void apply_derivative(const Tensor&, Tensor&) const override {}
  bool derivative_is_exact() const override { return false; }
};

TEST(Lets, RefusesWrongUseInOneSentence) {
  Training run;
  nn::ParameterArena& arena = run.net.arena;
  const auto make = [&arena](LetsOptions options) { lets_over_sam(arena, options); };
  EXPECT_EQ(error_of([&] { Lets(nullptr, {}, arena); }),
            "lets: no rule to wrap, wanted one with a radius");
  EXPECT_EQ(error_of([&] { make(with(Curvature::exact, -1.0)); }),
            "lets: the learning rate of the radius is -1, wanted a finite number >= 0");
  LetsOptions never;
  never.update_every = 0;
  EXPECT_EQ(error_of([&] { make(never); }), "lets: update_every is 0, wanted at least 1");
  EXPECT_THAT(error_of([&] { make(with(Curvature::secant, 0.1, true)); }),
              HasSubstr("secant curvature knows only the full H u"));

  LetsOptions fresh;
  fresh.gap_batch = GapBatch::fresh;
  const auto without_source = lets_over_sam(arena, fresh);
  EXPECT_THAT(error_of([&] { run.train(*without_source, 0, 1); }),
              HasSubstr("no second source of training batches"));
  run.net.objective.set_validation(nullptr);
  const auto lets = lets_over_sam(arena, {});
  EXPECT_THAT(error_of([&] { run.train(*lets, 0, 1); }), HasSubstr("no held-out validation data"));
}

TEST(Lets, RefusesSeveralLooksWithOneRadiusPerSegment) {
  Training run;
  Lets lets(std::make_unique<optim::MSharpSam>(2, 0.05), with(Curvature::exact, 0.1, true),
            run.net.arena);
  EXPECT_THAT(error_of([&] { run.train(lets, 0, 1); }), HasSubstr("a rule that looks once a step"));
}

TEST(Lets, RefusesABaseWithoutExactDerivativeUnlessAllowed) {
  Training run;
  TrustRatio base(run.net.arena);
  const auto step_with = [&](bool allow) {
    LetsOptions options = with(Curvature::secant, 0.1);
    options.allow_inexact = allow;
    const auto lets = lets_over_sam(run.net.arena, options);
    optim::TrainingStep step(run.net.objective, *lets, base);
    return error_of([&] { step.run(random_images(16, 0, DType::float32), 0); });
  };
  EXPECT_THAT(step_with(false), HasSubstr("the base optimizer has no exact derivative"));
  EXPECT_EQ(step_with(true), "");
}

}  // namespace
}  // namespace polder::lets
