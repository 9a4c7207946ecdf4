#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "optim/quadratic.h"
#include "optim/support.h"
#include "polder/core/allocator.h"

/// What every rule must hold. The rules come from the registry: a new row is tested by existing.
namespace polder::optim {
namespace {

class RuleConformance : public testing::TestWithParam<std::string> {
 protected:
  /// The rule with a radius that shows: ten times its default.
  Settings settings() const {
    const RuleRegistry rules = built_in_rules();
    Settings settings;
    for (const HyperParameter& parameter : rules.find(GetParam()).parameters)
      if (parameter.name == "rho")
        settings.set("rho", fmt::format("{}", 10.0 * std::stod(parameter.value)));
    return settings;
  }
};
INSTANTIATE_TEST_SUITE_P(Rules, RuleConformance, testing::ValuesIn(built_in_rules().names()),
                         [](const auto& parameter) { return parameter.param; });

std::vector<std::string> rules_with_a_radius() {
  nn::ParameterArena arena(quadratic_weights(Vector(9, 1.0)));
  std::vector<std::string> names;
  for (const std::string& name : built_in_rules().names())
    if (dynamic_cast<RadiusRule*>(built_in_rules().make(name, {}, arena).get()) != nullptr)
      names.push_back(name);
  return names;
}

class RadiusConformance : public RuleConformance {};
INSTANTIATE_TEST_SUITE_P(Rules, RadiusConformance, testing::ValuesIn(rules_with_a_radius()),
                         [](const auto& parameter) { return parameter.param; });

std::vector<float> values_of(const Tensor& tensor) { return tensor.to_vector<float>(); }

MATCHER_P2(NearFloats, expected, tolerance, "") {
  for (std::size_t i = 0; i < arg.size(); ++i)
    if (!(std::abs(arg[i] - expected[i]) <= tolerance * (1.0F + std::abs(expected[i])))) {
      *result_listener << "element " << i << ": " << arg[i] << " against " << expected[i];
      return false;
    }
  return arg.size() == expected.size();
}

/// One call of a rule on the quadratic problem.
struct QuadraticCall {
  explicit QuadraticCall(const Vector& w) : arena(quadratic_weights(w)), objective(arena) {}
  StepReport run(Rule& rule) {
    objective.begin_step(0, batch.size());
    return rule.gradient(objective, batch, g);
  }
  nn::ParameterArena arena;
  QuadraticObjective objective;
  Batch batch = quadratic_batch(6, 9, 1);
  Tensor g = arena.make_flat();
};

TEST_P(RuleConformance, LeavesWeightsAtHomeBitForBitAlsoWhenAPassFails) {
  int fail_at = 0;
  for (bool failed = true; failed && fail_at < 100; ++fail_at) {
    SCOPED_TRACE(fail_at);
    QuadraticCall call(random_vector(9, "w", 1));
    const auto rule = built_in_rules().make(GetParam(), settings(), call.arena);
    const auto before = bits_of(call.arena.home());
    call.objective.fail_at = fail_at;
    failed = false;
    try {
      call.run(*rule);
    } catch (const std::runtime_error&) {
      failed = true;
    }
    EXPECT_FALSE(call.arena.at_twin());
    EXPECT_EQ(bits_of(call.arena.home()), before);
    EXPECT_EQ(bits_of(call.arena.active()), before);
    if (failed) {  // and it works again afterwards
      call.objective.fail_at = -1;
      EXPECT_NO_THROW(call.run(*rule));
    }
  }
  EXPECT_GT(fail_at, 1) << "no pass was made to fail";
  EXPECT_LT(fail_at, 100) << "it fails by itself";
}

TEST_P(RuleConformance, MovesStatisticsOnceAStep) {
  QuadraticCall call(random_vector(9, "w", 1));
  const auto rule = built_in_rules().make(GetParam(), settings(), call.arena);
  for (int step = 0; step < 3; ++step) {
    call.objective.diary.clear();
    call.run(*rule);
    int moves = 0;
    for (const auto& pass : call.objective.diary) moves += pass.moved_statistics ? 1 : 0;
    EXPECT_EQ(moves, 1);
  }
}

TEST_P(RuleConformance, OverwritesTheGradientItIsGiven) {
  QuadraticCall clean(random_vector(9, "w", 1)), poisoned(random_vector(9, "w", 1));
  for (const nn::Segment& segment : poisoned.arena.segments()) {
    Tensor part = poisoned.arena.part(poisoned.g, segment);
    kernels::backend_of(part).fill(std::numeric_limits<double>::quiet_NaN(), part);
  }
  clean.run(*built_in_rules().make(GetParam(), settings(), clean.arena));
  poisoned.run(*built_in_rules().make(GetParam(), settings(), poisoned.arena));
  EXPECT_EQ(bits_of(clean.g), bits_of(poisoned.g));
  EXPECT_NEAR(norm(clean.g.to_vector<double>()), norm(dense(clean.arena, clean.g)), 1e-12)
      << "padding is not zero";
}

TEST_P(RuleConformance, ZeroGradientStaysFinite) {
  QuadraticCall call(Vector(9, 0.0));
  kernels::backend_of(call.batch.targets).fill(0.0, call.batch.targets);
  const auto rule = built_in_rules().make(GetParam(), settings(), call.arena);
  const StepReport report = call.run(*rule);
  EXPECT_THAT(dense(call.arena, call.g), Near(Vector(9, 0.0), 0.0));
  EXPECT_NO_THROW(require_finite(report, 0));
}

TEST_P(RadiusConformance, RadiusZeroIsTheBaseOptimizer) {
  Settings zero = settings();
  zero.set("rho", "0");
  QuadraticCall plain(random_vector(9, "w", 1)), still(random_vector(9, "w", 1));
  plain.run(*built_in_rules().make("none", {}, plain.arena));
  still.run(*built_in_rules().make(GetParam(), zero, still.arena));
  EXPECT_THAT(dense(still.arena, still.g), Near(dense(plain.arena, plain.g), 1e-12));
}

TEST_P(RadiusConformance, TheRadiusMatters) {
  QuadraticCall small(random_vector(9, "w", 1)), large(random_vector(9, "w", 1));
  small.run(*built_in_rules().make(GetParam(), {}, small.arena));
  large.run(*built_in_rules().make(GetParam(), settings(), large.arena));
  EXPECT_NE(bits_of(small.g), bits_of(large.g));
}

TEST_P(RadiusConformance, OneRadiusPerSegmentMayBeTheSameForAll) {
  QuadraticCall one(random_vector(9, "w", 1)), many(random_vector(9, "w", 1));
  const auto rule = built_in_rules().make(GetParam(), settings(), one.arena);
  auto& radius_rule = dynamic_cast<RadiusRule&>(*rule);
  one.run(*rule);
  const double rho = radius_rule.radius().item();
  radius_rule.set_radius(Tensor::from(Vector{rho, rho}, {2}));
  many.run(*rule);
  EXPECT_EQ(bits_of(one.g), bits_of(many.g));
}

TEST_P(RadiusConformance, NegativeRadiusIsRefused) {
  Settings negative = settings();
  negative.set("rho", "-0.1");
  nn::ParameterArena arena(quadratic_weights(Vector(9, 1.0)));
  EXPECT_THROW(built_in_rules().make(GetParam(), negative, arena), Error);
}

TEST_P(RuleConformance, MicroBatchesChangeNothing) {
  QuadraticCall whole(random_vector(9, "w", 1)), chunked(random_vector(9, "w", 1));
  chunked.objective.set_micro_batch(2);
  whole.run(*built_in_rules().make(GetParam(), settings(), whole.arena));
  chunked.run(*built_in_rules().make(GetParam(), settings(), chunked.arena));
  EXPECT_THAT(dense(chunked.arena, chunked.g), Near(dense(whole.arena, whole.g), 1e-12));
  EXPECT_DOUBLE_EQ(chunked.objective.work().gradients, whole.objective.work().gradients);
}

TEST_P(RuleConformance, MicroBatchesChangeNothingOnANetworkWithDropout) {
  Training whole(GetParam(), settings(), {.batch_norm = false});
  Training chunked(GetParam(), settings(), {.batch_norm = false});
  chunked.problem.objective.set_micro_batch(3);
  whole.run_steps(5);
  chunked.run_steps(5);
  EXPECT_THAT(values_of(chunked.problem.arena.home()),
              NearFloats(values_of(whole.problem.arena.home()), 1e-6F));
}

TEST_P(RuleConformance, SameSeedSameBitsForAnyThreadCount) {
  const int threads = kernels::thread_count();
  const auto trained = [&](int count, std::uint64_t seed) {
    kernels::set_thread_count(count);
    // Wide enough that weights and activations are cut into blocks for several threads.
    Training training(GetParam(), settings(), {.width = 3001, .seed = seed}, "adamw", 1.0);
    training.run_steps(6);
    return training.weight_bits();
  };
  const auto once = trained(1, 1), again = trained(1, 1), on_two = trained(2, 1);
  const auto other = trained(1, 2);
  kernels::set_thread_count(threads);
  EXPECT_EQ(once, again);
  EXPECT_EQ(once, on_two);
  EXPECT_NE(once, other);
}

TEST_P(RuleConformance, SteadyStateAsksNothingOfTheSystemAndReadsNothing) {
  Training training(GetParam(), settings(), {}, "sgd", 1.0);
  training.run_steps(3);
  const Batch batch = training.problem.batch(3);
  const std::uint64_t calls = allocator_of(kCpu).stats().system_calls, reads = host_reads();
  for (std::int64_t t = 3; t < 8; ++t) training.step.run(batch, t);
  EXPECT_EQ(allocator_of(kCpu).stats().system_calls, calls);
  EXPECT_EQ(host_reads(), reads);
}

TEST_P(RuleConformance, ContinuesFromACheckpointWithTheSameBits) {
  for (const std::string optimizer : {"sgd", "adam", "adamw"}) {
    SCOPED_TRACE(optimizer);
    Training uninterrupted(GetParam(), settings(), {}, optimizer);
    Training resumed(GetParam(), settings(), {}, optimizer);
    uninterrupted.run_steps(7);
    Memory memory;
    memory.save(uninterrupted);
    uninterrupted.run_steps(7);
    memory.load(resumed);
    resumed.run_steps(7);
    EXPECT_EQ(uninterrupted.weight_bits(), resumed.weight_bits());
  }
}

TEST_P(RadiusConformance, RemembersItsRadius) {
  Training steered(GetParam(), settings()), resumed(GetParam(), settings());
  const auto radius_of = [](Training& training) {
    return dynamic_cast<RadiusRule&>(*training.rule).radius();
  };
  const double rho = 0.0123;
  radius_of(steered).write(std::span<const double>(&rho, 1));
  Memory memory;
  memory.save(steered);
  memory.load(resumed);
  EXPECT_EQ(radius_of(resumed).item(), rho);
}

/// Adds up the shares of the looks.
class Shares : public ExcursionObserver {
 public:
  void arrived(Excursion&, const Batch&, double share) override { before += share; }
  void looked(Excursion&, const Batch&, double share, const Tensor&) override { after += share; }
  double before = 0.0, after = 0.0;
};

TEST_P(RadiusConformance, LooksMakeUpTheWholeGradient) {
  QuadraticCall call(random_vector(9, "w", 1));
  const auto rule = built_in_rules().make(GetParam(), settings(), call.arena);
  Shares shares;
  call.objective.set_observer(&shares);
  const StepReport report = call.run(*rule);
  EXPECT_TRUE(report.perturbed);
  EXPECT_NEAR(shares.before, 1.0, 1e-12);
  EXPECT_NEAR(shares.after, 1.0, 1e-12);
}

TEST_P(RuleConformance, LearnsASimpleProblem) {
  Training training(GetParam(), {}, {.dropout = 0.0});
  const Batch batch = training.problem.batch(0, 32);
  const double before = training.step.run(batch, 0).loss.item();
  double after = before;
  for (std::int64_t t = 1; t < 200; ++t) after = training.step.run(batch, t).loss.item();
  EXPECT_LT(after, 0.6 * before);
}

TEST_P(RuleConformance, IsDescribed) {
  const RuleEntry entry = built_in_rules().find(GetParam());
  EXPECT_FALSE(entry.summary.empty());
  EXPECT_TRUE(GetParam() == "none" || !entry.paper.empty());
  for (const HyperParameter& parameter : entry.parameters)
    EXPECT_FALSE(parameter.help.empty()) << parameter.name;
}

}  // namespace
}  // namespace polder::optim
