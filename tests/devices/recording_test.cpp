#include <gtest/gtest.h>

#include "polder/lets/lets.h"
#include "polder/optim/recorded_step.h"
#include "polder/optim/rules/sam.h"
#include "polder/optim/training_step.h"
#include "polder/verify/image_problem.h"
#include "polder/verify/training.h"

/// Recordings do again what they were asked to do.
namespace polder::testing {
namespace {

std::vector<Device> recording_devices() {
  std::vector<Device> devices = kernels::available_devices();
  std::erase(devices, kCpu);
  return devices;
}

std::string device_name(const ::testing::TestParamInfo<Device>& info) {
  std::string name = to_string(info.param);
  std::erase(name, ':');
  return name;
}

class RecordingTest : public ::testing::TestWithParam<Device> {
 protected:
  kernels::Backend& backend = kernels::backend_of(GetParam());
  Tensor zeros(std::int64_t n) const { return Tensor::zeros({n}, DType::float64, GetParam()); }
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RecordingTest);
INSTANTIATE_TEST_SUITE_P(Devices, RecordingTest, ::testing::ValuesIn(recording_devices()),
                         device_name);

using Values = std::vector<double>;

TEST(RecordingOnTheCpu, HasNothingToGain) {
  EXPECT_EQ(kernels::backend_of(kCpu).record([] {}), nullptr);
}

TEST_P(RecordingTest, NothingHappensBeforeTheReplay) {
  Tensor x = zeros(3);
  const auto recording = backend.record([&] { backend.affine(x, 1.0, 1.0, x); });
  EXPECT_EQ(x.to_vector<double>(), (Values{0, 0, 0}));
  recording->replay(0);
  recording->replay(0);
  EXPECT_EQ(x.to_vector<double>(), (Values{2, 2, 2}));
}

TEST_P(RecordingTest, RandomNumbersAreThoseOfTheLaterStep) {
  const RandomKey key = random_key(5, "numbers", 10);
  Tensor recorded = zeros(9), direct = zeros(9);
  const auto recording = backend.record([&] { backend.random_normal(key, 0, 1, recorded); });
  for (const std::uint32_t later : {0U, 1U, 7U}) {
    recording->replay(later);
    backend.random_normal(key.at(10 + later), 0, 1, direct);
    EXPECT_EQ(recorded.to_vector<double>(), direct.to_vector<double>()) << later;
  }
}

TEST_P(RecordingTest, UpdatesAreThoseOfTheLaterStep) {
  const Tensor rate = Tensor::scalar(0.1, GetParam());
  Tensor g = zeros(7);
  backend.fill(0.3, g);
  const auto updated = [&](const auto& update, std::int64_t later, bool recorded) {
    std::vector<Tensor> state = {zeros(7), zeros(7), zeros(7), zeros(7)};
    for (Tensor& tensor : state) backend.fill(0.5, tensor);
    if (recorded)
      backend.record([&] { update(0, state); })->replay(later);
    else
      update(later, state);
    Values all;
    for (const Tensor& tensor : state)
      for (const double value : tensor.to_vector<double>()) all.push_back(value);
    return all;
  };
  const auto sgd = [&](std::int64_t later, std::vector<Tensor>& state) {
    backend.sgd_update({.momentum = 0.9, .first = later == 0}, rate, g, state[0], state[1]);
  };
  const auto adam = [&](std::int64_t later, std::vector<Tensor>& state) {
    const kernels::AdamCoefficients coefficients{.step = 1 + later};
    backend.adam_update(coefficients, rate, g, state[0], state[1], state[2]);
    backend.adam_derivative(coefficients, rate, g, state[0], state[1], state[2], state[3]);
  };
  for (const std::int64_t later : {0, 1, 5}) {
    EXPECT_EQ(updated(sgd, later, true), updated(sgd, later, false)) << later;
    EXPECT_EQ(updated(adam, later, true), updated(adam, later, false)) << later;
  }
  EXPECT_NE(updated(sgd, 0, false), updated(sgd, 1, false));
  EXPECT_NE(updated(adam, 1, false), updated(adam, 5, false));
}

TEST_P(RecordingTest, MemoryMadeInsideIsItsOwn) {
  Tensor result = zeros(1000);
  const auto recording = backend.record([&] {
    Tensor inside = Tensor::empty({1000}, DType::float64, GetParam());
    backend.fill(3.0, inside);
    backend.affine(inside, 2.0, 0.0, result);
  });
  // Whoever asks for the same size afterwards must not be given what the recording writes.
  Tensor outside = Tensor::empty({1000}, DType::float64, GetParam());
  backend.fill(-1.0, outside);
  recording->replay(0);
  EXPECT_EQ(result.to_vector<double>(), Values(1000, 6.0));
  EXPECT_EQ(outside.to_vector<double>(), Values(1000, -1.0));
}

TEST_P(RecordingTest, TrafficWithTheHostIsRefusedAndEndsTheRecording) {
  Tensor x = zeros(2);
  EXPECT_THROW(static_cast<void>(backend.record([&] { static_cast<void>(x.item()); })), Error);
  const Values one{1.0, 1.0};
  EXPECT_THROW(static_cast<void>(backend.record([&] { x.write(std::span<const double>(one)); })),
               Error);
  backend.fill(4.0, x);  // and work is done at once again
  EXPECT_EQ(x.to_vector<double>(), (Values{4, 4}));
}

TEST_P(RecordingTest, SamIsReplayedFromTheThirdStepOn) {
  kernels::set_thread_count(1);  // a team costs more than these tensors are worth
  verify::ImageProblem problem(GetParam());
  optim::Sam sam(0.05, GetParam());
  const auto base = optim::make_base_optimizer("sgd", {}, problem.arena);
  base->set_rate(0.02);
  optim::RecordedStep step(problem.objective, sam, *base);
  for (std::int64_t t = 0; t < 12; ++t)  // every fifth batch is smaller, as the last of an epoch
    step.run(problem.batch(t, t % 5 == 4 ? 8 : verify::ImageProblem::kRows), t);
  EXPECT_EQ(step.replays(), 12 - 2 - 2) << step.reason();  // two rehearsals, two odd batches
}

struct Learned {
  Values weights, losses, radii, slope;
  double gradients = 0;
  std::int64_t replays = 0;
  std::string reason;
};

/// 11 steps of lets over a rule; every fifth batch is smaller, as the last of an epoch may be.
template <class Step>
Learned learn(Device device, const std::string& name,
              const std::map<std::string, std::string>& changes) {
  kernels::set_thread_count(1);  // a team costs more than these tensors are worth
  optim::RuleRegistry rules = optim::built_in_rules();
  lets::add_rules(rules);
  optim::Settings settings(rules.find(name).trial);
  for (const auto& [setting, value] : changes) settings.set(setting, value);
  verify::ImageProblem problem(device);
  const auto rule = rules.make(name, settings, problem.arena);
  const auto base = optim::make_base_optimizer("adamw", {.weight_decay = 1e-3}, problem.arena);
  Step step(problem.objective, *rule, *base, 5.0);
  Learned learned;
  for (std::int64_t t = 0; t < 11; ++t) {
    base->set_rate(0.02 / static_cast<double>(1 + t));
    const Batch batch = problem.batch(t, t % 5 == 4 ? 8 : verify::ImageProblem::kRows);
    learned.losses.push_back(step.run(batch, t).loss.item());
  }
  const auto& lets = dynamic_cast<const lets::Lets&>(*rule);
  learned.weights = verify::values_of(problem.arena.home());
  learned.radii = lets.radius().to_vector<double>();
  learned.slope = lets.last_upper().slope.to_vector<double>();
  learned.gradients = problem.objective.work().gradients;
  if constexpr (std::is_same_v<Step, optim::RecordedStep>) {
    learned.replays = step.replays();
    learned.reason = step.reason();
  }
  return learned;
}

/// Every way of lets to learn a radius, with and without upper steps in between. The held-out
/// batches are others in every step, and the radius moves.
TEST_P(RecordingTest, LetsIsReplayedWithTheBitsOfTrainingKernelByKernel) {
  for (const char* rule : {"lets_sam", "lets_asam"})
    for (const std::string curvature : {"exact", "finite_difference", "secant", "squared_gradient"})
      for (const std::string every : {"1", "2"})
        for (const std::string upper : {"squared_gap", "validation_loss"}) {
          SCOPED_TRACE(fmt::format("{} {} every {} {}", rule, curvature, every, upper));
          const bool segments = upper == "validation_loss" && curvature != "secant";
          const std::map<std::string, std::string> settings = {
              {"curvature", curvature},
              {"update_every", every},
              {"upper_objective", upper},
              {"gap_batch", every == "1" ? "fresh" : "same"},
              {"per_segment", segments ? "true" : "false"}};
          const Learned plain = learn<optim::TrainingStep>(GetParam(), rule, settings);
          const Learned recorded = learn<optim::RecordedStep>(GetParam(), rule, settings);
          EXPECT_EQ(recorded.weights, plain.weights);
          EXPECT_EQ(recorded.losses, plain.losses);
          EXPECT_EQ(recorded.radii, plain.radii);
          EXPECT_EQ(recorded.slope, plain.slope);
          EXPECT_EQ(recorded.gradients, plain.gradients);
          // Each phase has two rehearsals, and two batches are odd.
          EXPECT_EQ(recorded.replays, every == "1" ? 11 - 2 - 2 : 11 - 4 - 2) << recorded.reason;
          EXPECT_NE(plain.radii[0], 0.05) << "the radius stands still: nothing is shown";
        }
}

TEST_P(RecordingTest, AStepIsRecordedAnewWhenItsHeldOutBatchGrows) {
  const auto outcome = [&]<class Step>(std::type_identity<Step>) {
    verify::ImageProblem problem(GetParam());
    std::int64_t drawn = 0;
    problem.objective.set_validation([&] {
      ++drawn;
      return problem.batch(1000 + drawn, drawn <= 3   ? 5
                                         : drawn == 8 ? 7
                                                      : verify::ImageProblem::kRows);
    });
    optim::RuleRegistry rules = optim::built_in_rules();
    lets::add_rules(rules);
    const auto rule = rules.make("lets_sam", {}, problem.arena);
    const auto base = optim::make_base_optimizer("sgd", {}, problem.arena);
    Step step(problem.objective, *rule, *base);
    base->set_rate(0.01);
    for (std::int64_t t = 0; t < 10; ++t) step.run(problem.batch(t), t);
    if constexpr (std::is_same_v<Step, optim::RecordedStep>) {
      EXPECT_EQ(step.replays(), 7) << "all but two rehearsals and the batch of 7";
    }
    return verify::values_of(problem.arena.home());
  };
  EXPECT_EQ(outcome(std::type_identity<optim::RecordedStep>{}),
            outcome(std::type_identity<optim::TrainingStep>{}));
}

/// A rule that draws another number of batches in every step.
class Fickle final : public optim::Rule {
 public:
  optim::StepReport gradient(optim::Objective& objective, const Batch& batch, Tensor& g) override {
    for (std::int64_t i = 0; i < objective.step() % 3; ++i) objective.validation_batch();
    return {.loss = objective.gradient(batch, g)};
  }
};

TEST_P(RecordingTest, AStepThatDrawsOtherBatchesThanTheLastIsMadeKernelByKernel) {
  verify::ImageProblem recorded(GetParam()), plain(GetParam());
  Fickle rule;
  const auto base = optim::make_base_optimizer("sgd", {}, recorded.arena);
  const auto plain_base = optim::make_base_optimizer("sgd", {}, plain.arena);
  optim::RecordedStep step(recorded.objective, rule, *base);
  optim::TrainingStep plain_step(plain.objective, rule, *plain_base);
  for (std::int64_t t = 0; t < 6; ++t) {
    base->set_rate(0.1);
    plain_base->set_rate(0.1);
    step.run(recorded.batch(t), t);
    plain_step.run(plain.batch(t), t);
  }
  EXPECT_EQ(step.replays(), 0);
  EXPECT_FALSE(step.reason().empty());
  EXPECT_EQ(verify::values_of(recorded.arena.home()), verify::values_of(plain.arena.home()));
}

}  // namespace
}  // namespace polder::testing
