#include "polder/optim/rules/mesa.h"

#include "optim/conformance.h"
#include "optim/quadratic.h"
#include "optim/reference.h"
#include "polder/optim/rules/none.h"
#include "polder/optim/trajectory_loss.h"

namespace polder::optim {
namespace {

using Texts = std::map<std::string, std::string>;

TEST(Mesa, IsTheBaseOptimizerUntilItsStartEpochIsOver) {
  const Texts settings = {{"beta", "0.7"}, {"start_epoch", "1"}};
  const int before = 2 * static_cast<int>(NetProblem::kStepsPerEpoch);  // epochs 0 and 1
  EXPECT_EQ(trained("mesa", settings, before), trained("none", {}, before));
  EXPECT_NE(trained("mesa", settings, before + 1), trained("none", {}, before + 1));
}

TEST(Mesa, AsksItsTeacherOnlyWhereThereIsATerm) {
  Training training("mesa", Settings(Texts{{"start_epoch", "1"}}));
  training.run_steps(10);
  EXPECT_DOUBLE_EQ(training.problem.objective.work().forwards, 10.0 - 2 * 3);
  for (const std::int64_t step : {0, 5}) EXPECT_EQ(training.rule->phase(step), 0);
  for (const std::int64_t step : {6, 9}) EXPECT_EQ(training.rule->phase(step), 1);
}

TEST(Mesa, AveragesFromTheFirstStepOn) {
  // A term that starts late sees the same teacher as a reference that averaged all along.
  for (const char* beta : {"0", "0.5", "0.95", "1"})
    for (const char* start : {"-1", "0", "3"}) {
      SCOPED_TRACE(std::string("beta ") + beta + ", start_epoch " + start);
      const Settings settings(
          {{"tau", "2"}, {"lambda", "1"}, {"beta", beta}, {"start_epoch", start}});
      EXPECT_LT(distance_to_reference("mesa", settings, 30), 1e-9);
    }
}

/// Running statistics that follow the model's by hand.
struct FollowedBuffers {
  std::vector<Vector> values;
  explicit FollowedBuffers(const Objective& objective) {
    for (const nn::NamedTensor& buffer : objective.buffers())
      values.push_back(buffer.tensor.to_vector<double>());
  }
  void follow(double beta, const Objective& objective) {
    const std::vector<nn::NamedTensor> now = objective.buffers();
    for (std::size_t b = 0; b < now.size(); ++b) {
      const Vector other = now[b].tensor.to_vector<double>();
      for (std::size_t i = 0; i < other.size(); ++i)
        values[b][i] = beta * values[b][i] + (1.0 - beta) * other[i];
    }
  }
  void write_to(const Objective& objective) const {
    std::vector<nn::NamedTensor> there = objective.buffers();
    for (std::size_t b = 0; b < there.size(); ++b)
      there[b].tensor.write(std::span<const double>(values[b]));
  }
};

TEST(Mesa, TheTeacherHasAveragedStatisticsToo) {
  // The rate is 0, so teacher and student have the same weights and differ by statistics alone.
  const NetOptions net{.dtype = DType::float64};
  NetProblem problem(net), aside(net), plain(net);
  Mesa mesa({.tau = 2.0, .lambda = 1.0, .beta = 0.6, .start_epoch = -1});
  const auto base = make_base_optimizer("sgd", {}, problem.arena);
  TrainingStep step(problem.objective, mesa, *base);
  FollowedBuffers teacher(problem.objective);
  for (std::int64_t t = 0; t < 5; ++t) {
    SCOPED_TRACE(t);
    const Batch batch = problem.batch(t);
    teacher.write_to(aside.objective);
    const Tensor y = aside.objective.evaluate(batch.inputs);
    const LossTerm term = [&](const autograd::Variable& z, const Batch&) {
      return trajectory_loss(z, y, 2.0, 1.0);
    };
    Tensor expected = plain.arena.make_flat(), without = expected.clone();
    plain.objective.begin_step(t, batch.size());
    plain.objective.gradient(batch, expected, {.term = &term});
    plain.objective.gradient(batch, without);
    step.run(batch, t);
    EXPECT_THAT(step.gradient().to_vector<double>(), Near(expected.to_vector<double>(), 1e-12));
    EXPECT_NE(bits_of(step.gradient()), bits_of(without));
    teacher.follow(0.6, problem.objective);
  }
}

TEST(Mesa, ATeacherInTrainingModeMovesNoStatistics) {
  Training training(
      "mesa", Settings(Texts{{"teacher_mode", "train"}, {"beta", "1"}, {"start_epoch", "-1"}}));
  training.problem.objective.set_batch_norm_update(BatchNormUpdate::all);
  Memory before, after;
  before.save(*training.rule);
  training.run_steps(4);
  after.save(*training.rule);
  for (const char* name : {"teacher", "teacher/buffer0", "teacher/buffer1"})
    EXPECT_EQ(bits_of(after.tensors().at(name)), bits_of(before.tensors().at(name))) << name;
}

TEST(Mesa, TheAverageOfConstantWeightsIsConstant) {
  Training training("mesa", Settings(Texts{{"beta", "0.3"}}), {.dtype = DType::float64});
  training.base->set_rate(0.0);
  training.run_steps(6);
  Memory memory;
  memory.save(*training.rule);
  const Vector teacher = memory.tensors().at("teacher").to_vector<double>();
  EXPECT_THAT(teacher, Near(training.problem.arena.home().to_vector<double>(), 1e-15));
}

TEST(Mesa, RefusesWhatMakesNoSense) {
  EXPECT_EQ(error_of([] { Mesa({.tau = 0.0}); }), "mesa: tau is 0, want a finite number > 0");
  EXPECT_EQ(error_of([] { Mesa({.lambda = -1.0}); }),
            "mesa: lambda is -1, want a finite number >= 0");
  EXPECT_EQ(error_of([] { Mesa({.beta = 1.5}); }), "mesa: beta is 1.5, want a number in [0, 1]");
  EXPECT_EQ(error_of([] { Mesa({.start_epoch = -2}); }),
            "mesa: start_epoch is -2, want -1 (from the start) or more");
  nn::ParameterArena arena({{"w", Tensor::zeros({9})}});
  EXPECT_EQ(error_of([&] {
              built_in_rules().make("mesa", Settings(Texts{{"teacher_mode", "test"}}), arena);
            }),
            "teacher_mode: found 'test', want one of eval, train");
  NetProblem problem;
  problem.objective.set_course({});
  Mesa mesa({});
  const auto base = make_base_optimizer("sgd", {}, problem.arena);
  EXPECT_EQ(error_of([&] { mesa.prepare(problem.objective, *base); }),
            "course: this objective does not know how long training is, call set_course first");
}

}  // namespace
}  // namespace polder::optim
