#include "polder/app/budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "app/same_state.h"
#include "app/temporary_folder.h"
#include "polder/app/run.h"
#include "polder/app/trainer.h"
#include "test_support.h"

namespace polder::app {
namespace {

Config budgeted(const std::string& rule, double size) {
  Config config;
  config.data = "spirals";
  config.model = "mlp";
  config.rule = rule;
  config.batch = 25;
  config.train_size = 300;
  config.test_size = 50;
  config.threads = 1;
  config.lr = 0.02;
  config.schedule = "linear";
  config.steps = 40;
  config.budget = "evaluations";
  config.budget_size = size;
  if (rule.find("lets_") != std::string::npos) config.settings["allow_inexact"] = "true";
  return resolved(config);
}

TEST(Budget, PassesCountInUnitsOfAGradient) {
  EXPECT_DOUBLE_EQ(evaluations_of({.gradients = 5, .forwards = 6, .hessian_products = 7}), 21.0);
}

TEST(Budget, TimeIsTheShareOfWhatIsSpent) {
  Config config;
  config.budget = "evaluations";
  config.budget_size = 300;
  const Budget evaluations(config, 120);
  EXPECT_DOUBLE_EQ(evaluations.time({.steps = 7, .evaluations = 75, .seconds = 9}), 30.0);
  EXPECT_DOUBLE_EQ(evaluations.share({.evaluations = 75}), 0.25);
  EXPECT_FALSE(evaluations.used_up({.evaluations = 299.9}));
  EXPECT_TRUE(evaluations.used_up({.evaluations = 100 * (1 + 2 / 3.0 + 1 / 3.0) + 100}));
  EXPECT_EQ(evaluations.planned_steps(2.0), 150);
  EXPECT_EQ(evaluations.planned_steps(1.7), 177);
  config.budget = "seconds";
  const Budget seconds(config, 120);
  EXPECT_DOUBLE_EQ(seconds.time({.steps = 7, .evaluations = 75, .seconds = 60}), 24.0);
  EXPECT_TRUE(seconds.used_up({.seconds = 300}));
  EXPECT_EQ(seconds.planned_steps(2.0), 60);
}

TEST(Budget, WithoutASizeItIsThatOfPlainSteps) {
  Config config;
  EXPECT_EQ(Budget(config, 17).size(), 17.0);
  config.budget = "evaluations";
  EXPECT_EQ(Budget(config, 17).size(), 17.0);
  config.budget = "seconds";
  EXPECT_EQ(error_of([&] { Budget(config, 17); }), "budget: seconds want a --budget-size");
}

TEST(Budget, ASizeWithoutABudgetIsRefused) {
  Config config;
  config.budget_size = 5;
  EXPECT_EQ(error_of([&] { resolved(config); }),
            "budget_size: found 5, but a budget of steps is set by steps or epochs");
}

/// Every rule of the program that an mlp can be trained with, those that learn their radius
/// included: it has no normalisation layers.
std::vector<std::string> rules_for_an_mlp() {
  std::vector<std::string> names;
  for (const optim::RuleEntry& entry : known_rules().entries())
    if (!optim::needs_of(entry, {}).normalisation) names.push_back(entry.name);
  return names;
}

class EveryRule : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Budget, EveryRule, testing::ValuesIn(rules_for_an_mlp()),
                         [](const auto& parameter) { return parameter.param; });

TEST_P(EveryRule, SpendsItsEvaluationsAndFollowsTheScheduleToItsEnd) {
  const double size = 61.0;  // what none of the usual costs divides
  Trainer trainer(budgeted(GetParam(), size));
  double before = 0.0, dearest = 0.0;
  while (!trainer.finished()) {
    before = trainer.spent().evaluations;
    ASSERT_LT(before, size);
    const StepRecord record = trainer.step();
    EXPECT_NEAR(record.rate, 0.02 * (1.0 - before / size), 1e-14);  // linear, from peak to 0
    dearest = std::max(dearest, trainer.spent().evaluations - before);
  }
  EXPECT_GE(trainer.spent().evaluations, size - 1e-6);
  EXPECT_LT(trainer.spent().evaluations, size + dearest);
  EXPECT_EQ(trainer.result().evaluations, trainer.spent().evaluations);
}

/// Rules of which every step costs the same, or every step of the same place in its epoch.
std::vector<std::string> rules_of_fixed_cost() {
  std::vector<std::string> names;
  for (const std::string& name : rules_for_an_mlp()) {
    const optim::RuleEntry& entry = known_rules().find(name);
    if (!entry.cost) continue;
    const optim::RuleCost cost = optim::cost_of(entry, {}, 25);
    if (evaluations_of(cost.perturbed) == 0.0) names.push_back(entry.name);
  }
  return names;
}

class FixedCost : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Budget, FixedCost, testing::ValuesIn(rules_of_fixed_cost()),
                         [](const auto& parameter) { return parameter.param; });

TEST_P(FixedCost, ItsStepsAreForeseen) {
  Trainer trainer(budgeted(GetParam(), 240.0));
  const std::int64_t planned = trainer.total_steps();
  while (!trainer.finished()) trainer.step();
  // A rule that begins in a later epoch costs less before: mesa makes a few steps more.
  const double slack = std::max(1.0, 0.1 * static_cast<double>(planned));
  EXPECT_NEAR(static_cast<double>(trainer.steps_made()), static_cast<double>(planned), slack);
}

TEST(Budget, PlainStepsUnderTheirOwnBudgetAreThoseWithoutOne) {
  Config config = budgeted("none", 0.0);
  config.schedule = "cosine";
  config.warmup = 7;
  Trainer with(config);
  config.budget = "steps";
  Trainer without(config);
  while (!without.finished()) {
    ASSERT_FALSE(with.finished());
    EXPECT_EQ(to_json_line(with.step()), to_json_line(without.step()));
  }
  EXPECT_TRUE(with.finished());
}

/// sam at radius 0 is the plain step at twice the price.
TEST(Budget, TwiceTheCostIsHalfTheStepsUnderTheSameSchedule) {
  Config config = budgeted("sam:rho=0", 0.0);
  config.warmup = 10;
  config.schedule = "cosine";
  Trainer trainer(config);
  std::vector<double> rates;
  while (!trainer.finished()) rates.push_back(trainer.step().rate);
  ASSERT_EQ(rates.size(), 20U);
  EXPECT_NEAR(rates[0], 0.02 / 11, 1e-12);
  EXPECT_NEAR(rates[4], 0.02 * 9 / 11, 1e-12);
  EXPECT_NEAR(rates[5], 0.02, 1e-12);  // warm-up is over after 10 of 40 evaluations
  EXPECT_NEAR(rates[19], 0.02 * (1 + std::cos(std::acos(-1.0) * 28 / 30)) / 2, 1e-12);
}

class StopEvery final : public RunWatcher {
 public:
  explicit StopEvery(std::int64_t steps) : left_(steps) {}
  void stepped(const StepRecord&) override { --left_; }
  std::function<bool()> asked() {
    return [this] { return left_ <= 0; };
  }

 private:
  std::int64_t left_;
};

TEST(Budget, ARunInPiecesSpendsAndEndsLikeAWholeOne) {
  for (const std::string rule :
       {"ae_sam:rho=0.3", "k_sam", "random_sam:schedule=linear_up", "esam", "lets_sam"}) {
    SCOPED_TRACE(rule);
    const TemporaryFolder whole, parts;
    Config config = budgeted(rule, 60.0);
    config.checkpoint_every = 4;
    config.eval_every = 9;
    config.out = whole.path().string();
    RunWatcher nobody;
    EXPECT_EQ(run_training(config, false, nobody, [] { return false; }), RunOutcome::finished);
    config.out = parts.path().string();
    for (const std::int64_t steps : {1, 2, 5}) {
      StopEvery watcher(steps);
      EXPECT_EQ(run_training(config, true, watcher, watcher.asked()), RunOutcome::interrupted);
    }
    EXPECT_EQ(run_training(config, true, nobody, [] { return false; }), RunOutcome::finished);
    const RunResult result = parse_result(read_file(whole / "result.json"), "result");
    expect_same_run(whole.path(), parts.path(), result.steps);
  }
}

TEST(Budget, RulesOfAnyCostAreEvaluatedAtTheSameShares) {
  for (const std::string rule : {"none", "sam", "tilted_sam"}) {
    SCOPED_TRACE(rule);
    const TemporaryFolder folder;
    Config config = budgeted(rule, 80.0);
    config.eval_every = 10;  // of 40: at every quarter
    config.out = folder.path().string();
    RunWatcher nobody;
    run_training(config, false, nobody, [] { return false; });
    const History history = parse_history(read_file(folder / "metrics.jsonl"), "metrics");
    ASSERT_EQ(history.evaluations.size(), 4U);
    for (std::size_t i = 0; i < 4; ++i)
      EXPECT_NEAR(history.evaluations[i].evaluations, 20.0 * static_cast<double>(i + 1), 5.9);
  }
}

}  // namespace
}  // namespace polder::app
