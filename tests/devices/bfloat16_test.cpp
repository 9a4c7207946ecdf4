#include <gtest/gtest.h>

#include "polder/lets/lets.h"
#include "polder/optim/recorded_step.h"
#include "polder/verify/image_problem.h"
#include "polder/verify/training.h"

/// Training whose layers read bfloat16 copies: the same on every device but for roundings, the same
/// bits kernel by kernel and recorded.
namespace polder::testing {
namespace {

struct Case {
  Device device;
  std::string rule;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Device device : kernels::available_devices())
    if (device != kCpu)
      for (const char* rule : {"sam", "asam", "gsam", "look_sam", "lets_sam"})
        all.push_back({device, rule});
  return all;
}

class Bfloat16Training : public ::testing::TestWithParam<Case> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Bfloat16Training);
INSTANTIATE_TEST_SUITE_P(Rules, Bfloat16Training, ::testing::ValuesIn(cases()),
                         [](const auto& parameter) {
                           std::string name =
                               to_string(parameter.param.device) + "_" + parameter.param.rule;
                           std::erase(name, ':');
                           return name;
                         });

struct Trained {
  std::vector<double> weights, losses;
};

optim::RuleRegistry all_rules() {
  optim::RuleRegistry rules = optim::built_in_rules();
  lets::add_rules(rules);
  return rules;
}

template <class Step>
Trained train(Device device, const std::string& rule_name) {
  kernels::set_thread_count(1);  // a team costs more than these tensors are worth
  verify::ImageProblem problem(device, DType::float32, 0.2, nn::Compute::bfloat16);
  const optim::RuleRegistry rules = all_rules();
  const auto rule =
      rules.make(rule_name, optim::Settings(rules.find(rule_name).trial), problem.arena);
  const auto base = optim::make_base_optimizer("adamw", {.weight_decay = 1e-3}, problem.arena);
  Step step(problem.objective, *rule, *base, 5.0);
  Trained trained;
  for (std::int64_t t = 0; t < 8; ++t) {
    base->set_rate(0.003);
    trained.losses.push_back(step.run(problem.batch(t), t).loss.item());
    // What the last update left is what layers read.
    const nn::ParameterArena& arena = problem.arena;
    Tensor rounded = Tensor::empty(arena.home().shape(), DType::bfloat16, device);
    kernels::backend_of(rounded).cast(arena.home(), rounded);
    const auto bits = [](const Tensor& x) {
      std::vector<std::uint16_t> words;
      for (const bfloat16 value : x.to_vector<bfloat16>()) words.push_back(value.bits);
      return words;
    };
    EXPECT_EQ(bits(arena.home_copy()), bits(rounded)) << "step " << t;
  }
  trained.weights = verify::values_of(problem.arena.home());
  return trained;
}

// A rounding to the other side moves a number by one part in 256; losses of a dozen samples average
// that out.
TEST_P(Bfloat16Training, FollowsTheCpu) {
  const Trained here = train<optim::TrainingStep>(GetParam().device, GetParam().rule);
  const Trained there = train<optim::TrainingStep>(kCpu, GetParam().rule);
  for (std::size_t t = 0; t < here.losses.size(); ++t)
    EXPECT_NEAR(here.losses[t], there.losses[t], 0.02) << "step " << t;
}

TEST_P(Bfloat16Training, HasTheSameBitsTwiceAndRecorded) {
  const Trained once = train<optim::TrainingStep>(GetParam().device, GetParam().rule);
  const Trained again = train<optim::TrainingStep>(GetParam().device, GetParam().rule);
  const Trained recorded = train<optim::RecordedStep>(GetParam().device, GetParam().rule);
  EXPECT_EQ(once.weights, again.weights);
  EXPECT_EQ(once.weights, recorded.weights);
  EXPECT_EQ(once.losses, recorded.losses);
}

}  // namespace
}  // namespace polder::testing
