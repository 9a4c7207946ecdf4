#include "polder/optim/rules/wasam.h"

#include <gmock/gmock.h>

#include "optim/conformance.h"
#include "optim/quadratic.h"
#include "optim/reference.h"
#include "polder/optim/rules/none.h"
#include "polder/optim/snapshot.h"

namespace polder::optim {
namespace {

RuleRegistry averaged_rules() {
  RuleRegistry rules = built_in_rules();
  add_wasam(rules);
  return rules;
}

/// Training by plain SGD whose weights are averaged, with the weights of every step by hand.
struct Averaging {
  NetProblem problem;
  Wasam rule;
  std::unique_ptr<BaseOptimizer> base;
  TrainingStep step;
  std::vector<Vector> seen;  // w after each step

  Averaging(double start, const Course& course, NetOptions net = {.dtype = DType::float64})
      : problem(net),
        rule(std::make_unique<None>(), start),
        base(make_base_optimizer("sgd", {}, problem.arena)),
        step((problem.objective.set_course(course), problem.objective), rule, *base) {
    base->set_rate(0.1);
  }
  void run_steps(std::int64_t until) {
    for (auto t = static_cast<std::int64_t>(seen.size()); t < until; ++t) {
      step.run(problem.batch(t), t);
      seen.push_back(problem.arena.home().to_vector<double>());
    }
  }
  Vector average() {
    const Snapshot* average = rule.averaged(problem.objective);
    return average == nullptr ? Vector{} : average->weights.to_vector<double>();
  }
  Vector mean_of(const std::vector<std::size_t>& steps) const {
    Vector sum(seen[0].size(), 0.0);
    for (const std::size_t t : steps) sum = plus(1.0, seen[t], sum);
    for (double& value : sum) value /= static_cast<double>(steps.size());
    return sum;
  }
};

TEST(Wasam, TheFirstAverageIsTheWeightsAndTheNextTheMean) {
  Averaging training(0.4, {.steps = 15, .steps_per_epoch = 3});  // E = 5: from epoch 2 on
  training.run_steps(8);
  EXPECT_EQ(training.average(), Vector{});  // w itself is evaluated
  training.run_steps(9);
  EXPECT_EQ(training.average(), training.seen[8]);
  training.run_steps(11);
  EXPECT_EQ(training.average(), training.seen[8]);
  training.run_steps(12);
  EXPECT_THAT(training.average(), Near(training.mean_of({8, 11}), 1e-15));
  training.run_steps(15);
  EXPECT_THAT(training.average(), Near(training.mean_of({8, 11, 14}), 1e-15));
}

/// The step after which there is an average for the first time.
std::int64_t first_average(double start, std::int64_t steps, std::int64_t steps_per_epoch) {
  Averaging training(start, {.steps = steps, .steps_per_epoch = steps_per_epoch});
  for (std::int64_t t = 0; t < steps; ++t) {
    const bool unnamed = !training.rule.phase(t);
    training.run_steps(t + 1);
    const bool averaged = !training.average().empty();
    EXPECT_EQ(averaged, unnamed) << "step " << t << " takes weights in and may be recorded";
    if (averaged) return t;
  }
  return -1;
}

TEST(Wasam, StartsAtItsShareOfTheEpochs) {
  EXPECT_EQ(first_average(0.75, 30, 3), 3 * 8 - 1);  // floor(7.5): the eighth epoch
  EXPECT_EQ(first_average(0.5, 30, 3), 3 * 6 - 1);
  EXPECT_EQ(first_average(0.0, 30, 3), 2);
  EXPECT_EQ(first_average(0.75, 6, 3), 5);        // of two epochs the last
  EXPECT_EQ(first_average(0.99, 12, 3), 11);      // one average is always made
  EXPECT_EQ(first_average(0.75, 14, 4), 15 - 2);  // the last epoch is short
}

TEST(Wasam, AgreesWithItsReferenceForSeveralStarts) {
  for (const char* start : {"0", "0.3", "0.9"}) {
    Settings settings;
    settings.set("start", start);
    EXPECT_LT(distance_to_reference("wasam", settings, 25), 1e-9) << start;
  }
}

/// Mean and unbiased variance of what batch norm sees of the rows at these weights: W x + b.
struct Seen {
  Vector mean, variance;
};
Seen seen_of(const nn::ParameterArena& arena, const Tensor& weights, const Tensor& inputs) {
  const Vector w = arena.part(weights, arena.segments()[0]).to_vector<double>();
  const Vector b = arena.part(weights, arena.segments()[1]).to_vector<double>();
  const Vector x = inputs.to_vector<double>();
  const std::size_t channels = b.size(), width = w.size() / channels, n = x.size() / width;
  Seen seen{Vector(channels, 0.0), Vector(channels, 0.0)};
  for (std::size_t c = 0; c < channels; ++c) {
    Vector y(n, b[c]);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k < width; ++k) y[i] += w[c * width + k] * x[i * width + k];
    for (const double value : y) seen.mean[c] += value / static_cast<double>(n);
    for (const double value : y)
      seen.variance[c] +=
          (value - seen.mean[c]) * (value - seen.mean[c]) / static_cast<double>(n - 1);
  }
  return seen;
}

TEST(Wasam, StatisticsAreThoseOfTheTrainingSamplesAtTheAverage) {
  // 39 samples in batches of 10, 10, 10 and 9: unequal ones count by their rows.
  Averaging training(0.0, {.steps = 8, .steps_per_epoch = 4});
  training.run_steps(8);
  Objective& objective = training.problem.objective;
  const Snapshot& average = *training.rule.averaged(objective);
  const TrainingSet& set = objective.training_set();
  Vector mean(17, 0.0), variance(17, 0.0);
  for (std::size_t first = 0; first < 39; first += 10) {
    const std::size_t rows = std::min<std::size_t>(10, 39 - first);
    const Batch batch = set.rows(std::span(set.indices).subspan(first, rows));
    const Seen seen = seen_of(training.problem.arena, average.weights, batch.inputs);
    mean = plus(static_cast<double>(rows) / 39.0, seen.mean, mean);
    variance = plus(static_cast<double>(rows) / 39.0, seen.variance, variance);
  }
  EXPECT_THAT(average.buffers[0].to_vector<double>(), Near(mean, 1e-12));
  EXPECT_THAT(average.buffers[1].to_vector<double>(), Near(variance, 1e-12));
  // Asked again it says the same, whatever was there before.
  const auto before = bits_of(average.buffers[1]);
  kernels::backend_of(average.buffers[1]).fill(7.0, training.rule.averaged(objective)->buffers[1]);
  training.rule.averaged(objective);
  EXPECT_EQ(bits_of(average.buffers[1]), before);
}

TEST(Wasam, MicroBatchesSeeEverySample) {
  Averaging training(0.0, {.steps = 4, .steps_per_epoch = 1});
  training.problem.objective.set_micro_batch(5);
  training.run_steps(4);
  Objective& objective = training.problem.objective;
  const Snapshot& average = *training.rule.averaged(objective);
  const TrainingSet& set = objective.training_set();
  Vector mean(17, 0.0);
  for (std::size_t first = 0; first < 39; first += 5) {
    const std::size_t rows = std::min<std::size_t>(5, 39 - first);
    const Batch batch = set.rows(std::span(set.indices).subspan(first, rows));
    const Seen seen = seen_of(training.problem.arena, average.weights, batch.inputs);
    mean = plus(static_cast<double>(rows) / 39.0, seen.mean, mean);
  }
  EXPECT_THAT(average.buffers[0].to_vector<double>(), Near(mean, 1e-12));
}

/// Everything that a training leaves behind: weights, state, statistics, work.
struct Left {
  std::map<std::string, std::vector<std::byte>> tensors;
  double gradients, forwards;
};

Left left_by(const std::string& name, bool evaluate) {
  const RuleRegistry rules = averaged_rules();
  NetProblem problem;
  const auto rule = rules.make(name, Settings(rules.find(name).trial), problem.arena);
  const auto base = make_base_optimizer("sgd", {.weight_decay = 1e-3}, problem.arena);
  base->set_rate(0.05);
  TrainingStep step(problem.objective, *rule, *base);
  for (std::int64_t t = 0; t < 14; ++t) {
    step.run(problem.batch(t), t);
    if (evaluate) rule->averaged(problem.objective);
  }
  Memory memory;
  memory.save(*rule);
  memory.save(*base);
  Left left;
  for (const auto& [what, tensor] : memory.tensors()) left.tensors[what] = bits_of(tensor);
  left.tensors["weights"] = bits_of(problem.arena.home());
  for (const nn::NamedTensor& buffer : problem.objective.buffers())
    left.tensors[buffer.name] = bits_of(buffer.tensor);
  left.gradients = problem.objective.work().gradients;
  left.forwards = problem.objective.work().forwards;
  return left;
}

TEST(Wasam, AveragingAndEvaluatingLeaveTheTrainingOfEveryRuleAlone) {
  for (const std::string& name : built_in_rules().names()) {
    if (name == "wasam") continue;
    SCOPED_TRACE(name);
    const Left plain = left_by(name, false), averaged = left_by("wasam_" + name, false),
               evaluated = left_by("wasam_" + name, true);
    EXPECT_EQ(averaged.tensors, evaluated.tensors);
    EXPECT_EQ(averaged.gradients, evaluated.gradients);
    EXPECT_EQ(averaged.forwards, evaluated.forwards);
    for (const auto& [what, bits] : plain.tensors)
      EXPECT_EQ(averaged.tensors.at(what), bits) << what;
    EXPECT_EQ(averaged.gradients, plain.gradients);
  }
}

TEST(Wasam, TheAverageContinuesFromACheckpoint) {
  const auto average_of = [](Training& training) {
    const Snapshot& average = *training.rule->averaged(training.problem.objective);
    return std::pair(bits_of(average.weights), bits_of(average.buffers[1]));
  };
  Settings settings;
  settings.set("start", "0.1");
  Training uninterrupted("wasam", settings), resumed("wasam", settings);
  uninterrupted.run_steps(8);
  Memory memory;
  memory.save(uninterrupted);
  const auto then = average_of(uninterrupted);
  memory.load(resumed);
  EXPECT_EQ(average_of(resumed), then);  // before any step
  uninterrupted.run_steps(4);
  resumed.run_steps(4);
  EXPECT_EQ(average_of(resumed), average_of(uninterrupted));
  EXPECT_NE(average_of(resumed), then);
}

TEST(Wasam, AFailedEvaluationLeavesEverythingInPlace) {
  Averaging training(0.0, {.steps = 8, .steps_per_epoch = 2});
  training.run_steps(3);
  const auto weights = bits_of(training.problem.arena.home());
  const auto mean = bits_of(training.problem.objective.buffers()[0].tensor);
  const WorkCount work = training.problem.objective.work();
  training.problem.objective.diary.clear();
  training.problem.objective.fail_at = 1;
  EXPECT_THROW(training.rule.averaged(training.problem.objective), std::runtime_error);
  EXPECT_TRUE(training.problem.arena.at_home());
  EXPECT_EQ(bits_of(training.problem.arena.home()), weights);
  EXPECT_EQ(bits_of(training.problem.objective.buffers()[0].tensor), mean);
  EXPECT_EQ(training.problem.objective.work().forwards, work.forwards);
}

TEST(Wasam, EveryRuleCanBeAveragedWithoutFillingTheList) {
  const RuleRegistry rules = averaged_rules();
  EXPECT_EQ(rules.names(), built_in_rules().names());
  EXPECT_EQ(complete(rules.find("wasam_look_sam"), {}).text("start"), "0.75");
  EXPECT_EQ(complete(rules.find("wasam_look_sam"), {}).text("k"), "5");
  EXPECT_TRUE(needs_of(rules.find("wasam_agnostic_sam"), {}).validation > 0.0);
  EXPECT_THAT(error_of([&] { static_cast<void>(rules.find("wasam_vaso")); }),
              testing::StartsWith("rule 'wasam_vaso' is unknown, did you mean 'wasam_vasso'?"));
}

TEST(Wasam, RefusesWhatMakesNoSense) {
  EXPECT_EQ(error_of([] { Wasam(std::make_unique<None>(), 1.0); }),
            "wasam: start is 1, want a number in [0, 1)");
  EXPECT_EQ(error_of([] { Wasam(std::make_unique<None>(), -0.5); }),
            "wasam: start is -0.5, want a number in [0, 1)");
  EXPECT_EQ(error_of([] { Wasam(nullptr, 0.5); }), "wasam: no rule to wrap");
  NetProblem problem;
  Wasam rule(std::make_unique<None>(), 0.5);
  const auto base = make_base_optimizer("sgd", {}, problem.arena);
  problem.objective.set_training_set({});
  EXPECT_EQ(error_of([&] { rule.prepare(problem.objective, *base); }),
            "training_set: this objective does not know its training samples, call "
            "set_training_set first");
  problem.objective.set_course({});
  EXPECT_EQ(error_of([&] { rule.prepare(problem.objective, *base); }),
            "course: this objective does not know how long training is, call set_course first");
}

}  // namespace
}  // namespace polder::optim
