#include "polder/optim/snapshot.h"

#include <gtest/gtest.h>

#include "optim/quadratic.h"
#include "optim/support.h"

namespace polder::optim {
namespace {

struct State {
  std::vector<std::byte> weights, mean;
  explicit State(NetProblem& problem)
      : weights(bits_of(problem.arena.home())),
        mean(bits_of(problem.objective.buffers()[0].tensor)) {}
  bool operator==(const State&) const = default;
};

TEST(Snapshot, AveragesWeightsAndBuffers) {
  Training training("none", {}, {.dtype = DType::float64});
  ModelObjective& objective = training.problem.objective;
  Snapshot snapshot = Snapshot::of(objective);
  const Vector w0 = snapshot.weights.to_vector<double>();
  const Vector b0 = snapshot.buffers[0].to_vector<double>();
  training.run_steps(3);
  snapshot.average(0.75, objective);
  const Vector w1 = training.problem.arena.home().to_vector<double>();
  const Vector b1 = objective.buffers()[0].tensor.to_vector<double>();
  EXPECT_NE(b0, b1);
  EXPECT_THAT(snapshot.weights.to_vector<double>(),
              Near(plus(0.75, w0, plus(0.25, w1, Vector(w1.size(), 0.0))), 1e-14));
  EXPECT_THAT(snapshot.buffers[0].to_vector<double>(),
              Near(plus(0.75, b0, plus(0.25, b1, Vector(b1.size(), 0.0))), 1e-14));
  snapshot.average(0.0, objective);
  EXPECT_EQ(snapshot.weights.to_vector<double>(), w1);
}

TEST(AtSnapshot, TheModelReadsItAndThenItsOwnAgain) {
  Training training("none", {});
  ModelObjective& objective = training.problem.objective;
  const Batch batch = training.problem.batch(0);
  Snapshot snapshot = Snapshot::of(objective);
  const auto at_start = bits_of(objective.evaluate(batch.inputs));
  training.run_steps(4);
  const auto now = bits_of(objective.evaluate(batch.inputs));
  EXPECT_NE(now, at_start);
  const State before(training.problem);
  for (int again = 0; again < 2; ++again) {
    const AtSnapshot there(objective, snapshot);
    EXPECT_EQ(bits_of(objective.evaluate(batch.inputs)), at_start);
  }
  EXPECT_EQ(State(training.problem), before);
  EXPECT_EQ(bits_of(objective.evaluate(batch.inputs)), now);
  try {
    const AtSnapshot there(objective, snapshot);
    throw std::runtime_error("the pass failed");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(State(training.problem), before);
  EXPECT_TRUE(training.problem.arena.at_home());
}

TEST(AtSnapshot, RecordsMadeAtHomeOutliveIt) {
  NetProblem plain, visiting;
  const Batch batch = plain.batch(0);
  Snapshot elsewhere = Snapshot::of(visiting.objective);
  kernels::backend_of(elsewhere.weights).affine(elsewhere.weights, 0.5, 0.0, elsewhere.weights);
  Tensor expected = plain.arena.make_flat(), found = expected.clone();
  plain.objective.begin_step(0, 13);
  visiting.objective.begin_step(0, 13);
  plain.objective.gradient(batch, expected);
  Tensor teacher;
  const LossTerm visit = [&](const autograd::Variable&, const Batch& rows) {
    const AtSnapshot there(visiting.objective, elsewhere);
    teacher = visiting.objective.outputs(rows, {.evaluation = true});
    return autograd::Variable();
  };
  visiting.objective.gradient(batch, found, {.term = &visit});
  EXPECT_TRUE(teacher.defined());
  EXPECT_EQ(bits_of(found), bits_of(expected));
}

TEST(AtSnapshot, NotDuringAnExcursion) {
  NetProblem problem;
  Snapshot snapshot = Snapshot::of(problem.objective);
  const Tensor x = problem.arena.make_flat();
  const Excursion away(problem.objective, displace(problem.arena, x, Tensor::scalar(1.0)));
  EXPECT_EQ(error_of([&] { const AtSnapshot there(problem.objective, snapshot); }),
            "AtSnapshot: the weights are away from home, end the excursion first");
}

TEST(Snapshot, IsRemembered) {
  NetProblem problem;
  Snapshot saved = Snapshot::of(problem.objective);
  struct Averaging {
    Snapshot& snapshot;
    void visit_state(StateVisitor& visitor) { snapshot.visit_state(visitor, "average"); }
  };
  Memory memory;
  Averaging of_saved{saved};
  memory.save(of_saved);
  Snapshot loaded = Snapshot::of(problem.objective);
  kernels::backend_of(loaded.weights).fill(3.0, loaded.weights);
  kernels::backend_of(loaded.buffers[1]).fill(3.0, loaded.buffers[1]);
  Averaging of_loaded{loaded};
  memory.load(of_loaded);
  EXPECT_EQ(bits_of(loaded.weights), bits_of(saved.weights));
  EXPECT_EQ(bits_of(loaded.buffers[1]), bits_of(saved.buffers[1]));
}

}  // namespace
}  // namespace polder::optim
