#include <cmath>

#include "optim/conformance.h"
#include "polder/core/allocator.h"
#include "polder/optim/excursion.h"
#include "polder/optim/flat.h"
#include "polder/optim/rounding.h"
#include "polder/optim/scalars.h"

/// Training whose layers read bfloat16 copies of the weights.
namespace polder::optim {
namespace {

constexpr double kUnit = 0x1p-8;  // largest relative error of one rounding to bfloat16

NetOptions in_bfloat16() { return {.compute = nn::Compute::bfloat16}; }

class InBfloat16 : public testing::TestWithParam<std::string> {
 protected:
  // One thread: a team costs more than the small net is worth.
  InBfloat16() { kernels::set_thread_count(1); }
  ~InBfloat16() override { kernels::set_thread_count(threads_); }

  const RuleEntry& entry() const { return entry_of(GetParam()); }
  Settings trial() const { return Settings(entry().trial); }

 private:
  int threads_ = kernels::thread_count();
};
INSTANTIATE_TEST_SUITE_P(Rules, InBfloat16, testing::ValuesIn(built_in_rules().names()),
                         [](const auto& parameter) { return parameter.param; });

TEST_P(InBfloat16, EveryPassReadsTheWeightsRounded) {
  for (const std::string optimizer : {"sgd", "adam", "adamw", "amsgrad"}) {
    Training training(GetParam(), trial(), in_bfloat16(), optimizer);
    const nn::ParameterArena& arena = training.problem.arena;
    for (int step = 0; step < 8; ++step) {
      training.run_step();
      EXPECT_EQ(bits_of(arena.home_copy()), rounded_bits(arena.home())) << optimizer << step;
    }
    for (const auto& pass : training.problem.objective.diary) EXPECT_TRUE(pass.copy_is_rounded);
    for (const float weight : arena.home().to_vector<float>()) ASSERT_TRUE(std::isfinite(weight));
  }
}

TEST_P(InBfloat16, SameSeedSameBits) {
  const auto bits = [&](std::uint64_t seed) {
    NetOptions net = in_bfloat16();
    net.seed = seed;
    return trained(GetParam(), entry().trial, 8, net);
  };
  EXPECT_EQ(bits(1), bits(1));
  EXPECT_NE(bits(1), bits(2));
  EXPECT_NE(bits(1), trained(GetParam(), entry().trial, 8)) << "it is float32";
}

TEST_P(InBfloat16, ContinuesFromACheckpointWithTheSameBits) {
  Training uninterrupted(GetParam(), trial(), in_bfloat16());
  Training resumed(GetParam(), trial(), in_bfloat16());
  uninterrupted.run_steps(5);
  Memory memory;
  memory.save(uninterrupted);
  uninterrupted.run_steps(5);
  memory.load(resumed);
  resumed.run_steps(5);
  EXPECT_EQ(uninterrupted.weight_bits(), resumed.weight_bits());
}

TEST_P(InBfloat16, SteadyStateReadsNothingAndAsksNothingOfTheSystem) {
  Training training(GetParam(), trial(), in_bfloat16(), "adamw", 1.0);
  training.run_steps(9);
  for (int step = 0; step < 5; ++step) {
    const Batch batch = training.problem.batch(9 + step);
    const std::uint64_t calls = allocator_of(kCpu).stats().system_calls, reads = host_reads();
    training.step.run(batch, 9 + step);
    if (training.problem.objective.opens_epoch()) continue;
    EXPECT_EQ(allocator_of(kCpu).stats().system_calls, calls) << "step " << step;
    EXPECT_EQ(host_reads(), reads) << "step " << step;
  }
}

/// A network and its twin in bfloat16, with the same float32 weights.
class Bfloat16Step : public testing::TestWithParam<std::uint64_t> {
 protected:
  static NetOptions options(nn::Compute compute) {
    return {.dropout = 0.0, .width = 40, .seed = GetParam(), .compute = compute};
  }
  NetProblem exact{options(nn::Compute::own)}, rounded{options(nn::Compute::bfloat16)};
  Batch batch = exact.batch(0, 32);

  void SetUp() override {
    exact.objective.begin_step(0, batch.size());
    rounded.objective.begin_step(0, batch.size());
  }
  /// ||a - b|| / ||b||
  static double distance(const Tensor& a, const Tensor& b) {
    Tensor difference = a.clone();
    add(-1.0, b, difference);
    return norm(difference).item() / norm(b).item();
  }
};
INSTANTIATE_TEST_SUITE_P(Seeds, Bfloat16Step, testing::Values(1, 2, 3));

TEST_P(Bfloat16Step, GradientsAreFloat32AndNearTheExactOnes) {
  Tensor g = exact.arena.make_flat(), found = g.clone();
  const double loss = exact.objective.gradient(batch, g).item();
  EXPECT_NEAR(rounded.objective.gradient(batch, found).item(), loss, 4 * kUnit * loss);
  EXPECT_EQ(found.dtype(), DType::float32);
  // Eight roundings lie on the way of a gradient, each off by less than half of kUnit on average.
  EXPECT_LT(distance(found, g), 8 * kUnit);
  EXPECT_GT(distance(found, g), 0.0);
}

TEST_P(Bfloat16Step, ASamStepIsNearTheExactOne) {
  Tensor clean = exact.arena.make_flat(), found_clean = clean.clone();
  Tensor g = clean.clone(), found = clean.clone();
  const Tensor rho = constant(0.1, kCpu);
  exact.objective.gradient(batch, clean);
  rounded.objective.gradient(batch, found_clean);
  {
    Excursion away(exact.objective, ascend(exact.arena, clean, rho));
    away.gradient(batch, g);
    Excursion there(rounded.objective, ascend(rounded.arena, found_clean, rho));
    there.gradient(batch, found);
  }
  EXPECT_LT(distance(found, g), 12 * kUnit);  // the second look starts from a gradient that is off
  // What the second look adds to the first is there too: SAM's whole effect.
  add(-1.0, clean, g);
  add(-1.0, found_clean, found);
  EXPECT_GT(dot(found, g).item() / squared_norm(g).item(), 0.7);
  EXPECT_LT(dot(found, g).item() / squared_norm(g).item(), 1.3);
}

TEST_P(Bfloat16Step, ExcursionsWriteTheWholePerturbationBesideItsRounding) {
  Tensor g = rounded.arena.make_flat();
  rounded.objective.gradient(batch, g);
  Tensor shifted = exact.arena.make_flat();
  const Ascent ascent = ascend(rounded.arena, g, constant(0.05, kCpu));
  kernels::backend_of(g).perturb(exact.arena.home(), g, ascent.scale, {}, exact.arena.table(),
                                 shifted);
  const Excursion away(rounded.objective, ascent);
  EXPECT_EQ(bits_of(rounded.arena.twin()), bits_of(shifted));
  EXPECT_EQ(bits_of(rounded.arena.twin_copy()), rounded_bits(shifted));
}

/// SAM's trap in bfloat16: the usual radius is smaller than most weights' distance to their
/// neighbour. Few weights move, but those that do make up for the others.
TEST_P(Bfloat16Step, APerturbationSurvivesItsRoundingOnAverage) {
  Tensor g = rounded.arena.make_flat();
  rounded.objective.gradient(batch, g);
  RoundedStep before{};
  for (const double rho : {0.01, 0.1, 1.0}) {
    const Excursion away(rounded.objective, ascend(rounded.arena, g, constant(rho, kCpu)));
    const RoundedStep step = rounded_step(rounded.arena);
    EXPECT_GT(step.changed, before.changed) << rho;
    EXPECT_NEAR(step.along, 1.0, 0.5) << rho;
    if (rho == 1.0) {
      EXPECT_NEAR(step.along, 1.0, 0.02);
      EXPECT_NEAR(step.length, 1.0, 0.1);
    }
    before = step;
  }
  EXPECT_GT(before.changed, 0.8);
}

TEST_P(Bfloat16Step, SecondDerivativesAreThoseOfFloat32BitForBit) {
  Tensor v = exact.arena.make_flat(), found = v.clone(), expected = v.clone(), g = v.clone();
  draw_normal(exact.arena, random_key(GetParam(), "v"), 1.0, v);
  exact.objective.hessian_vector_product(batch, v, expected);
  rounded.objective.hessian_vector_product(batch, v, found);
  EXPECT_EQ(bits_of(found), bits_of(expected));
  exact.objective.gradient(batch, expected);
  rounded.objective.gradient(batch, found, {.own_precision = true});
  EXPECT_EQ(bits_of(found), bits_of(expected));
  rounded.objective.gradient(batch, found);  // and back in bfloat16 afterwards
  EXPECT_NE(bits_of(found), bits_of(expected));
}

TEST_P(Bfloat16Step, EvaluationComesOutInFloat32) {
  const Tensor y = exact.objective.evaluate(batch.inputs);
  const Tensor found = rounded.objective.evaluate(batch.inputs);
  EXPECT_EQ(found.dtype(), DType::float32);
  EXPECT_LT(distance(found, y), 4 * kUnit);
}

TEST(Bfloat16Copies, WantFloat32Weights) {
  EXPECT_EQ(error_of([] {
              NetProblem problem({.dtype = DType::float64, .compute = nn::Compute::bfloat16});
            }),
            "ParameterArena: bfloat16 copies of float64 weights, wanted float32 weights");
  NetProblem plain;
  EXPECT_EQ(error_of([&] { rounded_step(plain.arena); }),
            "rounded_step: layers of this arena read float32 weights");
}

}  // namespace
}  // namespace polder::optim
