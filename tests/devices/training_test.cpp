#include <gtest/gtest.h>

#include <cmath>

#include "devices/problem.h"
#include "polder/optim/base_optimizer.h"
#include "polder/optim/training_step.h"

/// Twenty steps of every rule and of lets over every rule on each device end where they end on the
/// cpu. A rule in the registry is tested by existing.
namespace polder::testing {
namespace {

struct Case {
  Device device;
  std::string rule;
  std::string optimizer;
};

/// lets does the same over every rule: two of them are enough, with the optimizer that has more to
/// differentiate. The rest of lets is compared in RecordedTraining.
bool is_trained_here(const std::string& rule, const std::string& optimizer) {
  if (!rule.starts_with("lets_")) return true;
  return optimizer == "adamw" && (rule == "lets_sam" || rule == "lets_asam");
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Device device : kernels::available_devices())
    if (device != kCpu)
      for (const std::string& rule : all_rules().names())
        for (const char* optimizer : {"sgd", "adamw"})
          if (is_trained_here(rule, optimizer)) all.push_back({device, rule, optimizer});
  return all;
}

std::string name_of(const ::testing::TestParamInfo<Case>& info) {
  std::string name =
      to_string(info.param.device) + "_" + info.param.rule + "_" + info.param.optimizer;
  std::erase(name, ':');
  return name;
}

struct Outcome {
  std::vector<double> weights;
  double loss = 0;
};

Outcome train(Device device, DType dtype, const Case& choice) {
  Problem problem(device, dtype);
  const auto rule = make_rule(choice.rule, problem.arena);
  const auto base =
      optim::make_base_optimizer(choice.optimizer, {.weight_decay = 1e-3}, problem.arena);
  optim::TrainingStep step(problem.objective, *rule, *base, 5.0);
  Outcome outcome;
  for (std::int64_t t = 0; t < 20; ++t) {
    base->set_rate(choice.optimizer == "sgd" ? 0.1 / static_cast<double>(1 + t) : 0.01);
    outcome.loss = loss_of(step.run(problem.batch(t), t));
  }
  outcome.weights = weights_of(problem.arena);
  return outcome;
}

class TrainingOnADevice : public ::testing::TestWithParam<Case> {};
// A machine without another device has no rows here.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(TrainingOnADevice);
INSTANTIATE_TEST_SUITE_P(Rules, TrainingOnADevice, ::testing::ValuesIn(cases()), name_of);

/// In float64 rounding is all that may differ; twenty steps of training magnify it.
TEST_P(TrainingOnADevice, TwentyStepsEndWhereTheyEndOnTheCpu) {
  const Outcome here = train(GetParam().device, DType::float64, GetParam());
  const Outcome there = train(kCpu, DType::float64, GetParam());
  ASSERT_EQ(here.weights.size(), there.weights.size());
  for (std::size_t i = 0; i < here.weights.size(); ++i)
    ASSERT_NEAR(here.weights[i], there.weights[i], 1e-7) << "weight " << i;
  EXPECT_NEAR(here.loss, there.loss, 1e-7);
}

TEST_P(TrainingOnADevice, TheSameSeedGivesTheSameBits) {
  const Outcome once = train(GetParam().device, DType::float32, GetParam());
  const Outcome again = train(GetParam().device, DType::float32, GetParam());
  EXPECT_EQ(once.weights, again.weights);
  EXPECT_EQ(once.loss, again.loss);
}

}  // namespace
}  // namespace polder::testing
