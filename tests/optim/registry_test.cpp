#include "polder/optim/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optim/quadratic.h"
#include "optim/support.h"

namespace polder::optim {
namespace {

class RegistryTest : public testing::Test {
 protected:
  RuleRegistry rules = built_in_rules();
  nn::ParameterArena arena{quadratic_weights(Vector(5, 1.0))};

  std::string refusal(const std::string& name, std::map<std::string, std::string> settings) {
    return error_of([&] { rules.make(name, Settings(std::move(settings)), arena); });
  }
};

TEST_F(RegistryTest, BeginsWithTheRulesThatOthersAreHeldAgainst) {
  const std::vector<std::string> names = rules.names();
  ASSERT_GE(names.size(), 3U);
  EXPECT_EQ(names[0], "none");
  EXPECT_EQ(names[1], "sam");
}

TEST_F(RegistryTest, FillsInDefaults) {
  const auto radius_of = [&](const std::string& name) {
    const auto rule = rules.make(name, {}, arena);
    return dynamic_cast<const RadiusRule&>(*rule).radius().item();
  };
  EXPECT_EQ(radius_of("sam"), 0.05);
  EXPECT_EQ(radius_of("asam"), 0.5);
  EXPECT_EQ(radius_of("m_sharp_sam"), 0.05);
}

TEST_F(RegistryTest, UnknownNamesFindTheirNearest) {
  EXPECT_THAT(refusal("asm", {}),
              testing::StartsWith("rule 'asm' is unknown, did you mean 'asam'? (known: none, sam"));
  EXPECT_EQ(refusal("asam", {{"roh", "1"}}),
            "rule asam: setting 'roh' is unknown, did you mean 'rho'?");
  EXPECT_EQ(refusal("none", {{"rho", "1"}}), "rule none: setting 'rho' is unknown, it has none");
}

TEST_F(RegistryTest, BadValuesAreRefused) {
  EXPECT_EQ(refusal("sam", {{"rho", "-0.1"}}),
            "RadiusRule: rho is -0.1, want a finite number >= 0");
  EXPECT_EQ(refusal("sam", {{"rho", "0.1x"}}), "rho: found '0.1x', want a finite number");
  EXPECT_EQ(refusal("sam", {{"rho", "inf"}}), "rho: found 'inf', want a finite number");
  EXPECT_EQ(refusal("sam", {{"rho", ""}}), "rho: found '', want a finite number");
  EXPECT_EQ(refusal("asam", {{"xi", "-1"}}), "Asam: xi is -1, want a finite number >= 0");
  EXPECT_EQ(refusal("asam", {{"scope", "some"}}), "scope: found 'some', want one of weights, all");
  EXPECT_EQ(refusal("m_sharp_sam", {{"m", "2.5"}}), "m: found '2.5', want a whole number");
  EXPECT_EQ(refusal("m_sharp_sam", {{"m", "0"}}), "MSharpSam: m is 0, want at least one shard");
}

TEST_F(RegistryTest, NamesAreTakenOnce) {
  EXPECT_EQ(error_of([&] { rules.add({.name = "sam", .summary = "", .make = nullptr}); }),
            "RuleRegistry: a rule named sam exists already");
}

TEST_F(RegistryTest, RefusedNamesAnswerWithTheirSentence) {
  rules.refuse("lets_none", "none has no radius");
  EXPECT_EQ(refusal("lets_none", {}), "rule lets_none: none has no radius");
}

Settings one(const std::string& name, const std::string& value) {
  return Settings(std::map<std::string, std::string>{{name, value}});
}

TEST_F(RegistryTest, CostAndNeedsReadSettingsWithTheirDefaults) {
  const RuleEntry& gsam = rules.find("gsam");
  EXPECT_TRUE(needs_of(gsam, {}).course);
  EXPECT_FALSE(needs_of(gsam, one("rho", "0.02")).course);
  EXPECT_FALSE(needs_of(rules.find("sam"), {}).course);
  EXPECT_EQ(cost_of(rules.find("esam"), {}, 7).step.gradients, 1.0 + 3.0 / 7.0);
  const auto expected = [&](const std::string& rule, const Settings& settings) {
    return expected_step(rules.find(rule), settings, 8, 4).gradients;
  };
  EXPECT_DOUBLE_EQ(expected("look_sam", one("k", "4")), 1.25);
  EXPECT_DOUBLE_EQ(expected("random_sam", one("p", "0.25")), 1.25);
  EXPECT_DOUBLE_EQ(expected("random_sam", one("schedule", "cosine_up")), 1.5);
  EXPECT_DOUBLE_EQ(expected("sparse_sam_fisher", one("samples", "16")), 2.0 + 16.0 / 8 / 4);
  EXPECT_EQ(error_of([&] { cost_of(gsam, one("roh", "1"), 7); }),
            "rule gsam: setting 'roh' is unknown, did you mean 'rho'?");
  EXPECT_EQ(error_of([&] { cost_of({.name = "x"}, {}, 7); }),
            "rule x: its cost is not known in numbers");
}

TEST(Settings, ChoicesAreWordsWithValues) {
  const Settings settings = one("scope", "all");
  EXPECT_EQ(settings.choice<int>("scope", {{"weights", 1}, {"all", 2}}), 2);
  EXPECT_EQ(error_of([&] {
              settings.choice<int>("scope", {{"weights", 1}, {"some", 2}});
            }),
            "scope: found 'all', want one of weights, some");
}

TEST(Settings, ReadsWhatItWasGiven) {
  const Settings settings({{"x", "-2.5e-3"}, {"n", "-7"}, {"yes", "true"}, {"no", "false"}});
  EXPECT_EQ(settings.number("x"), -2.5e-3);
  EXPECT_EQ(settings.integer("n"), -7);
  EXPECT_TRUE(settings.flag("yes"));
  EXPECT_FALSE(settings.flag("no"));
  EXPECT_EQ(error_of([&] { settings.flag("n"); }), "n: found '-7', want true or false");
  EXPECT_EQ(error_of([&] { settings.number("y"); }), "Settings: y is missing");
}

TEST(RadiusRule, SetRadiusRefusesOtherShapesAndTypes) {
  nn::ParameterArena arena(quadratic_weights(Vector(5, 1.0)));
  const auto sam = built_in_rules().make("sam", {}, arena);
  auto& radius_rule = dynamic_cast<RadiusRule&>(*sam);
  EXPECT_EQ(error_of([&] { radius_rule.set_radius(Tensor::scalar(0.1F)); }),
            "RadiusRule::set_radius: rho is float32 [], want float64 [] or [segments]");
  EXPECT_EQ(error_of([&] {
              radius_rule.set_radius(Tensor::zeros({2, 1}, DType::float64));
            }),
            "RadiusRule::set_radius: rho is float64 [2, 1], want float64 [] or [segments]");
}

}  // namespace
}  // namespace polder::optim
