#include "optim/conformance.h"

#include <cmath>
#include <limits>

#include "polder/core/allocator.h"

/// What every rule must hold: coming home, cost, statistics, bits, memory.
namespace polder::optim {
namespace {

POLDER_EVERY_RULE(Conformance);

/// Elements between the segments of a flat tensor.
std::vector<double> padding_of(const nn::ParameterArena& arena, const Tensor& flat) {
  Tensor exact = Tensor::empty(flat.shape(), DType::float64);
  kernels::backend_of(flat).cast(flat, exact);
  const std::vector<double> values = exact.to_vector<double>();
  std::vector<double> padding;
  for (std::size_t s = 0; s < arena.segments().size(); ++s)
    for (std::int64_t i = arena.segments()[s].offset + arena.segments()[s].shape.numel();
         i < arena.table().host_offsets[s + 1]; ++i)
      padding.push_back(values[static_cast<std::size_t>(i)]);
  return padding;
}

double largest_size(const std::vector<double>& values) {
  double largest = 0.0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

void expect_home(Training& training, const std::vector<std::byte>& before) {
  EXPECT_TRUE(training.problem.arena.at_home());
  EXPECT_EQ(training.weight_bits(), before);
  for (const nn::Segment& segment : training.problem.arena.segments())
    EXPECT_TRUE(segment.variable.value().shares_memory_with(training.problem.arena.home()));
}

TEST_P(Conformance, ComesHomeBitForBitWhicheverPassFails) {
  for (const int steps : {0, 1, 7}) {
    int fail_at = 0;
    for (bool failed = true; failed && fail_at < 100; ++fail_at) {
      SCOPED_TRACE(fmt::format("pass {} of step {}", fail_at, steps));
      Training training(GetParam(), trial(), {.width = 5});
      training.run_steps(steps);
      const auto before = training.weight_bits();
      training.problem.objective.diary.clear();
      training.problem.objective.fail_at = fail_at;
      failed = false;
      try {
        training.run_step();
      } catch (const std::runtime_error&) {
        failed = true;
        expect_home(training, before);
      }
      training.problem.objective.fail_at = -1;
      EXPECT_NO_THROW(training.run_step());  // and it works again afterwards
    }
    EXPECT_GT(fail_at, 1) << "no pass was made to fail";
    EXPECT_LT(fail_at, 100) << "it fails by itself";
  }
}

/// Stands still and tells where the weights are when the base optimizer is called.
class Still : public BaseOptimizer {
 public:
  explicit Still(nn::ParameterArena& arena) : BaseOptimizer(arena), momentum_(arena.make_flat()) {}
  void step(const Tensor& g) override {
    advance(g);
    seen.push_back(bits_of(arena().home()));
  }
  void apply_derivative(const Tensor&, Tensor&) const override {}
  const Tensor& momentum() const override { return momentum_; }
  std::vector<std::vector<std::byte>> seen;

 private:
  Tensor momentum_;
};

TEST_P(Conformance, TheBaseOptimizerMeetsTheWeightsAsTheyWere) {
  NetProblem problem;
  const auto rule = built_in_rules().make(GetParam(), trial(), problem.arena);
  if (dynamic_cast<DrivingRule*>(rule.get()) != nullptr) GTEST_SKIP() << "drives it by itself";
  Still still(problem.arena);
  TrainingStep step(problem.objective, *rule, still);
  const auto before = bits_of(problem.arena.home());
  for (std::int64_t t = 0; t < 8; ++t) step.run(problem.batch(t), t);
  ASSERT_EQ(still.seen.size(), 8U);
  for (const auto& seen : still.seen) EXPECT_EQ(seen, before);
}

TEST_P(Conformance, CostsWhatIsPublished) {
  constexpr int kSteps = 12;
  Training training(GetParam(), trial());
  double perturbed = 0.0;
  for (int t = 0; t < kSteps; ++t) {
    const StepReport report = training.run_step();
    if (report.perturbed) perturbed += report.decision.defined() ? report.decision.item() : 1.0;
  }
  const RuleCost cost = cost_of(entry(), trial(), NetProblem::kRows);
  const double epochs = kSteps / static_cast<double>(NetProblem::kStepsPerEpoch);
  const WorkCount expected = kSteps * cost.step + perturbed * cost.perturbed + epochs * cost.epoch;
  const WorkCount counted = training.problem.objective.work();
  EXPECT_NEAR(counted.gradients, expected.gradients, 1e-9);
  EXPECT_NEAR(counted.forwards, expected.forwards, 1e-9);
  EXPECT_NEAR(counted.hessian_products, expected.hessian_products, 1e-9);
}

TEST_P(Conformance, MovesStatisticsOnceAStep) {
  Training training(GetParam(), trial());
  for (int step = 0; step < 8; ++step) {
    training.problem.objective.diary.clear();
    training.run_step();
    int moves = 0;
    for (const auto& pass : training.problem.objective.diary) moves += pass.moved_statistics;
    EXPECT_EQ(moves, 1) << "step " << step;
  }
}

TEST_P(Conformance, OverwritesTheGradientAndLeavesThePaddingZero) {
  Training clean(GetParam(), trial()), poisoned(GetParam(), trial());
  Tensor g = clean.problem.arena.make_flat(), bad = g.clone();
  for (int step = 0; step < 5; ++step) {
    for (const nn::Segment& segment : poisoned.problem.arena.segments()) {
      Tensor part = poisoned.problem.arena.part(bad, segment);
      kernels::backend_of(part).fill(std::numeric_limits<double>::quiet_NaN(), part);
    }
    clean.run_step_into(g);
    poisoned.run_step_into(bad);
    EXPECT_EQ(largest_size(padding_of(clean.problem.arena, g)), 0.0);
  }
  EXPECT_EQ(clean.weight_bits(), poisoned.weight_bits());
  EXPECT_EQ(largest_size(padding_of(clean.problem.arena, clean.problem.arena.home())), 0.0);
}

TEST_P(Conformance, ZeroGradientStaysFinite) {
  Training training(GetParam(), trial(), {.loss_factor = 0.0});
  for (int step = 0; step < 8; ++step)
    EXPECT_NO_THROW(require_finite(training.run_step(), step)) << "step " << step;
  for (const float weight : training.problem.arena.home().to_vector<float>())
    ASSERT_TRUE(std::isfinite(weight));
}

TEST_P(Conformance, AHeadThatOnlyEverySecondPassUsesDoesNoHarm) {
  for (const int which : {1, 2}) {
    SCOPED_TRACE(which);
    Training training(GetParam(), trial(), {.second_head = which});
    for (int step = 0; step < 8; ++step)
      EXPECT_NO_THROW(require_finite(training.run_step(), step)) << "step " << step;
    expect_home(training, training.weight_bits());
    for (const float weight : training.problem.arena.home().to_vector<float>())
      ASSERT_TRUE(std::isfinite(weight));
  }
}

TEST_P(Conformance, MicroBatchesChangeNothing) {
  const NetOptions net{.dtype = DType::float64, .batch_norm = false, .activation = "tanh"};
  Training whole(GetParam(), trial(), net), chunked(GetParam(), trial(), net);
  chunked.problem.objective.set_micro_batch(3);
  whole.run_steps(8);
  chunked.run_steps(8);
  const auto expected = whole.problem.arena.home().to_vector<double>();
  const auto found = chunked.problem.arena.home().to_vector<double>();
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(found[i], expected[i], 1e-10 * (1.0 + std::abs(expected[i]))) << i;
  EXPECT_NEAR(chunked.problem.objective.work().gradients, whole.problem.objective.work().gradients,
              1e-9);
}

TEST_P(Conformance, SameSeedSameBitsForAnyThreadCount) {
  const int threads = kernels::thread_count();
  const auto bits = [&](int count, std::uint64_t seed) {
    kernels::set_thread_count(count);
    // Wide enough that weights and activations are cut into blocks for several threads.
    Training training(GetParam(), trial(), {.width = 3001, .seed = seed}, "adamw", 1.0);
    training.run_steps(6);
    return training.weight_bits();
  };
  const auto once = bits(1, 1), again = bits(1, 1), on_two = bits(2, 1), other = bits(1, 2);
  kernels::set_thread_count(threads);
  EXPECT_EQ(once, again);
  EXPECT_EQ(once, on_two);
  EXPECT_NE(once, other);
}

TEST_P(Conformance, SteadyStateAsksNothingOfTheSystemAndReadsNothing) {
  Training training(GetParam(), trial(), {}, "sgd", 1.0);
  training.run_steps(9);
  for (int step = 0; step < 8; ++step) {
    const Batch batch = training.problem.batch(9 + step);
    const std::uint64_t calls = allocator_of(kCpu).stats().system_calls, reads = host_reads();
    training.step.run(batch, 9 + step);
    if (training.problem.objective.opens_epoch()) continue;  // what is refreshed may read
    EXPECT_EQ(allocator_of(kCpu).stats().system_calls, calls) << "step " << step;
    EXPECT_EQ(host_reads(), reads) << "step " << step;
  }
}

/// Parameter-sized buffers that a training holds after some steps.
double buffers_held(const std::string& rule, const Settings& settings) {
  const std::size_t before = allocator_of(kCpu).stats().bytes_in_use;
  Training training(rule, settings, {.width = 1501});
  training.run_steps(8);
  const std::size_t held = allocator_of(kCpu).stats().bytes_in_use - before;
  return static_cast<double>(held) / static_cast<double>(training.problem.arena.home().bytes());
}

TEST_P(Conformance, HoldsTheBuffersItPublishes) {
  const RuleCost cost = cost_of(entry(), trial(), NetProblem::kRows);
  buffers_held(GetParam(), trial());  // scratch memory that kernels keep for good is made here
  EXPECT_NEAR(buffers_held(GetParam(), trial()) - buffers_held("none", {}),
              cost.kept + cost.scratch, 0.3);
}

TEST_P(Conformance, ContinuesFromACheckpointWithTheSameBits) {
  for (const std::string optimizer : {"sgd", "adam", "adamw", "amsgrad"}) {
    SCOPED_TRACE(optimizer);
    Training uninterrupted(GetParam(), trial(), {}, optimizer);
    Training resumed(GetParam(), trial(), {}, optimizer);
    uninterrupted.run_steps(7);
    Memory memory;
    memory.save(uninterrupted);
    uninterrupted.run_steps(7);
    memory.load(resumed);
    resumed.run_steps(7);
    EXPECT_EQ(uninterrupted.weight_bits(), resumed.weight_bits());
  }
}

TEST_P(Conformance, LearnsASimpleProblem) {
  Training training(GetParam(), {}, {.dropout = 0.0});
  const Batch batch = training.problem.batch(0, 32);
  const auto loss = [&] {
    const Tensor losses = training.problem.objective.losses(batch, {.upper = true});
    const std::vector<float> values = losses.to_vector<float>();
    return std::accumulate(values.begin(), values.end(), 0.0F) / 32.0F;
  };
  training.step.run(batch, 0);
  const float before = loss();
  for (std::int64_t t = 1; t < 200; ++t) training.step.run(batch, t);
  EXPECT_LT(loss(), 0.75F * before);
}

TEST_P(Conformance, IsDescribed) {
  EXPECT_FALSE(entry().summary.empty());
  EXPECT_FALSE(entry().cost_formula.empty());
  EXPECT_TRUE(GetParam() == "none" || !entry().paper.empty());
  for (const HyperParameter& parameter : entry().parameters)
    EXPECT_FALSE(parameter.help.empty()) << parameter.name;
}

}  // namespace
}  // namespace polder::optim
