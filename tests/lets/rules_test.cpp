#include <gmock/gmock.h>

#include "networks.h"
#include "polder/lets/lets.h"
#include "testing.h"

namespace polder::lets {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

optim::RuleRegistry all_rules() {
  optim::RuleRegistry registry = optim::built_in_rules();
  add_rules(registry);
  return registry;
}

TEST(LetsRules, WrapEveryRuleWithARadius) {
  const std::vector<std::string> names = all_rules().names();
  const std::vector<std::string> plain = optim::built_in_rules().names();
  EXPECT_THAT(names, IsSupersetOf(plain));
  EXPECT_THAT(names, IsSupersetOf({"lets_sam", "lets_asam", "lets_m_sharp_sam", "lets_ae_sam"}));
  EXPECT_THAT(names, Not(Contains("lets_saf")));
  EXPECT_EQ(optim::needs_of(all_rules().find("lets_asam"), {}).validation, 1.0);
}

TEST(LetsRules, ReadTheirSettingsAndTheWrappedOnes) {
  Network net("mlp_tanh");
  nn::ParameterArena& arena = net.arena;
  const auto rule = all_rules().make("lets_sam",
                                     optim::Settings({{"rho", "0.2"},
                                                      {"curvature", "finite_difference"},
                                                      {"gap_batch", "fresh"},
                                                      {"upper_objective", "validation_loss"},
                                                      {"lr_nu", "0.01"},
                                                      {"update_every", "4"},
                                                      {"parametrisation", "clipped"},
                                                      {"upper_optimizer", "sgd"},
                                                      {"per_segment", "true"},
                                                      {"rho_min", "0.1"},
                                                      {"rho_max", "0.3"}}),
                                     arena);
  const auto& lets = dynamic_cast<const Lets&>(*rule);
  const LetsOptions& options = lets.options();
  EXPECT_EQ(options.curvature, Curvature::finite_difference);
  EXPECT_EQ(options.gap_batch, GapBatch::fresh);
  EXPECT_EQ(options.upper_objective, UpperObjective::validation_loss);
  EXPECT_EQ(options.radius.learning_rate, 0.01);
  EXPECT_EQ(options.update_every, 4);
  EXPECT_EQ(options.radius.parametrisation, Parametrisation::clipped);
  EXPECT_EQ(options.radius.optimizer, UpperOptimizer::sgd);
  EXPECT_TRUE(options.per_segment);
  EXPECT_EQ(options.radius.rho_min, 0.1);
  EXPECT_EQ(options.radius.rho_max, 0.3);
  EXPECT_EQ(lets.radius().to_vector<double>(), std::vector<double>(arena.segments().size(), 0.2));
}

TEST(LetsRules, StartFromTheWrappedRulesDefault) {
  Network net("mlp_tanh");
  const auto rule = all_rules().make("lets_asam", {}, net.arena);
  EXPECT_EQ(dynamic_cast<const Lets&>(*rule).radius().item(), 0.5);
}

TEST(LetsRules, RefuseWhatHasNoRadiusOrIsUnknown) {
  Network net("mlp_tanh");
  const auto make = [&](const std::string& name, std::map<std::string, std::string> values) {
    return error_of([&] { all_rules().make(name, optim::Settings(values), net.arena); });
  };
  EXPECT_THAT(make("lets_none", {}),
              HasSubstr("rule lets_none: none has no radius that lets could learn"));
  EXPECT_THAT(make("lets_sam", {{"lr_mu", "1"}}), HasSubstr("did you mean 'lr_nu'"));
  EXPECT_THAT(make("lets_sam", {{"curvature", "exakt"}}), HasSubstr("the nearest is 'exact'"));
  EXPECT_THAT(make("lets_sam", {{"gap_batch", "frech"}}), HasSubstr("the nearest is 'fresh'"));
  EXPECT_THAT(make("lets_sam", {{"upper_objective", "validation"}}),
              HasSubstr("the nearest is 'validation_loss'"));
  EXPECT_THAT(make("lets_sam", {{"lr_nu", "-1"}}), HasSubstr("learning rate of the radius is -1"));
}

}  // namespace
}  // namespace polder::lets
