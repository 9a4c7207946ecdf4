#include "polder/optim/rules/saf.h"

#include "optim/conformance.h"
#include "optim/reference.h"
#include "polder/optim/rules/none.h"

namespace polder::optim {
namespace {

const std::map<std::string, std::string> kSettings = {
    {"tau", "2"}, {"lambda", "1"}, {"slots", "2"}, {"start_epoch", "1"}};

TEST(Saf, IsTheBaseOptimizerUntilItsStartEpochIsOver) {
  const int before = 2 * static_cast<int>(NetProblem::kStepsPerEpoch);  // epochs 0 and 1
  EXPECT_EQ(trained("saf", kSettings, before), trained("none", {}, before));
  EXPECT_NE(trained("saf", kSettings, before + 1), trained("none", {}, before + 1));
}

TEST(Saf, OutputsThatDidNotMoveAddNothing) {
  NetProblem problem({.batch_norm = false, .dropout = 0.0});
  Saf saf(2.0, 1.0, 1, 0);
  None none;
  const auto base = make_base_optimizer("sgd", {.momentum = 0.0}, problem.arena);  // rate 0
  TrainingStep with(problem.objective, saf, *base), without(problem.objective, none, *base);
  const Batch batch = problem.batch(0);
  with.run(batch, 0);
  with.run(batch, NetProblem::kStepsPerEpoch);  // an epoch later, the same points
  without.run(batch, NetProblem::kStepsPerEpoch);
  EXPECT_EQ(bits_of(with.gradient()), bits_of(without.gradient()));
}

TEST(Saf, ASampleWithoutARecordAddsNothing) {
  NetProblem problem;
  Saf saf(2.0, 1.0, 1, 0);
  None none;
  const auto base = make_base_optimizer("sgd", {}, problem.arena);
  base->set_rate(0.1);
  TrainingStep with(problem.objective, saf, *base), without(problem.objective, none, *base);
  with.run(problem.batch(0), 0);
  base->set_rate(0.0);
  // Step 1 of epoch 1 brings samples that epoch 0 never saw.
  with.run(problem.batch(1), NetProblem::kStepsPerEpoch + 1);
  without.run(problem.batch(1), NetProblem::kStepsPerEpoch + 1);
  EXPECT_EQ(bits_of(with.gradient()), bits_of(without.gradient()));
  with.run(problem.batch(0), NetProblem::kStepsPerEpoch);
  without.run(problem.batch(0), NetProblem::kStepsPerEpoch);
  EXPECT_NE(bits_of(with.gradient()), bits_of(without.gradient()));
}

TEST(Saf, AgreesWithItsReferenceForSeveralMemories) {
  for (const char* slots : {"1", "2", "4"}) {
    Settings settings(kSettings);
    settings.set("slots", slots);
    settings.set("start_epoch", "3");
    EXPECT_LT(distance_to_reference("saf", settings, 50), 1e-9) << slots;
  }
}

TEST(Saf, NamesThePathOfEachStep) {
  NetProblem problem;
  Saf saf(2.0, 1.0, 2, 1);
  const auto base = make_base_optimizer("sgd", {}, problem.arena);
  saf.prepare(problem.objective, *base);
  std::vector<std::int64_t> phases;
  for (std::int64_t epoch = 0; epoch < 5; ++epoch)
    phases.push_back(*saf.phase(epoch * NetProblem::kStepsPerEpoch + 2));
  EXPECT_EQ(phases, (std::vector<std::int64_t>{0, 2, 1, 3, 1}));
}

TEST(Saf, RefusesWhatMakesNoSense) {
  EXPECT_EQ(error_of([] { Saf(0.0, 1.0, 3, 5); }), "saf: tau is 0, want a finite number > 0");
  EXPECT_EQ(error_of([] { Saf(5.0, -1.0, 3, 5); }), "saf: lambda is -1, want a finite number >= 0");
  EXPECT_EQ(error_of([] { Saf(5.0, 1.0, 3, 1); }),
            "saf: start_epoch is 1, but records of 3 epochs are complete only from epoch 2 on");
  NetProblem problem;
  problem.objective.set_training_set({});
  Saf saf(5.0, 1.0, 3, 5);
  const auto base = make_base_optimizer("sgd", {}, problem.arena);
  EXPECT_EQ(error_of([&] { saf.prepare(problem.objective, *base); }),
            "training_set: this objective does not know its training samples, call "
            "set_training_set first");
  NetProblem known;
  TrainingStep step(known.objective, saf, *base);
  Batch nameless = known.batch(0);
  nameless.indices = {};
  EXPECT_EQ(error_of([&] { step.run(nameless, 0); }),
            "saf: wants batches that know the indices of their samples");
}

}  // namespace
}  // namespace polder::optim
