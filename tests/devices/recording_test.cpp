#include <gtest/gtest.h>

#include "devices/problem.h"
#include "polder/optim/recorded_step.h"

/// Recordings do again what they were asked to do, and recorded training is training.
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

struct RuleCase {
  Device device;
  std::string rule;
};

std::vector<RuleCase> rule_cases() {
  std::vector<RuleCase> all;
  for (const Device device : recording_devices())
    for (const std::string& rule : all_rules().names()) all.push_back({device, rule});
  return all;
}

std::string case_name(const ::testing::TestParamInfo<RuleCase>& info) {
  std::string name = to_string(info.param.device) + "_" + info.param.rule;
  std::erase(name, ':');
  return name;
}

class RecordedTraining : public ::testing::TestWithParam<RuleCase> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RecordedTraining);
INSTANTIATE_TEST_SUITE_P(Rules, RecordedTraining, ::testing::ValuesIn(rule_cases()), case_name);

struct Trained {
  Values weights, losses;
  double gradients = 0;
  std::int64_t steps = 0, replays = 0;
  std::string reason;
};

/// 12 steps; every fifth batch is smaller, as the last of an epoch may be.
template <class Step>
Trained train(const RuleCase& choice, const std::string& optimizer) {
  Problem problem(choice.device, DType::float32);
  const auto rule = make_rule(choice.rule, problem.arena);
  const auto base = optim::make_base_optimizer(optimizer, {.weight_decay = 1e-3}, problem.arena);
  Step step(problem.objective, *rule, *base, 5.0);
  Trained trained;
  for (std::int64_t t = 0; t < 12; ++t) {
    base->set_rate(0.02 / static_cast<double>(1 + t));
    const Batch batch = problem.batch(t, t % 5 == 4 ? 8 : Problem::kRows);
    trained.losses.push_back(loss_of(step.run(batch, t)));
  }
  trained.weights = weights_of(problem.arena);
  trained.gradients = problem.objective.work().gradients;
  trained.steps = base->steps();
  if constexpr (std::is_same_v<Step, optim::RecordedStep>) {
    trained.replays = step.replays();
    trained.reason = step.reason();
  }
  return trained;
}

TEST_P(RecordedTraining, HasTheBitsOfTrainingKernelByKernel) {
  for (const char* optimizer : {"sgd", "adamw"}) {
    SCOPED_TRACE(optimizer);
    const Trained plain = train<optim::TrainingStep>(GetParam(), optimizer);
    const Trained recorded = train<optim::RecordedStep>(GetParam(), optimizer);
    EXPECT_EQ(recorded.weights, plain.weights);
    EXPECT_EQ(recorded.losses, plain.losses);
    EXPECT_EQ(recorded.gradients, plain.gradients);
    EXPECT_EQ(recorded.steps, plain.steps);
    // Either steps were replayed, or it is said why not.
    EXPECT_EQ(recorded.replays > 0, recorded.reason.empty()) << recorded.reason;
  }
}

TEST_P(RecordingTest, SamIsReplayedFromTheThirdStepOn) {
  const Trained recorded = train<optim::RecordedStep>({GetParam(), "sam"}, "sgd");
  EXPECT_EQ(recorded.replays, 12 - 2 - 2) << recorded.reason;  // two rehearsals, two odd batches
}

}  // namespace
}  // namespace polder::testing
