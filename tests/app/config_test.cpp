#include "polder/app/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "polder/app/toml.h"
#include "test_support.h"

namespace polder::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string toml_sentence(const std::string& text) {
  return error_of([&] {
    Config config;
    read_toml(config, text, "run.toml");
  });
}

std::string field_sentence(const std::string& name, const std::string& text) {
  return error_of([&] {
    Config config;
    set_field(config, find_field(name), text);
  });
}

TEST(Config, EveryFieldReadsBackItsDefault) {
  const Config defaults;
  for (const Field& field : fields()) {
    Config config;
    set_field(config, field, field_text(defaults, field));
    EXPECT_EQ(config, defaults) << field.name;
    EXPECT_FALSE(field.help.empty()) << field.name;
  }
}

TEST(Config, TomlRoundTripKeepsEveryBit) {
  std::mt19937_64 numbers(11);
  std::uniform_real_distribution<double> uniform(0.0, 0.999);
  for (int trial = 0; trial < 50; ++trial) {
    Config config;
    config.lr = uniform(numbers) * 1e-7;
    config.momentum = uniform(numbers);
    config.label_noise = uniform(numbers);
    config.weight_decay = std::numeric_limits<double>::denorm_min();
    config.seed = static_cast<std::int64_t>(numbers() % 1000000007);
    config.nesterov = trial % 2 == 0;
    config.data_dir = "a \"b\" \\ 'c'\n\té";
    config.settings = {{"rho", "0.1"}, {"curvature", "secant"}};
    Config read;
    read_toml(read, to_toml(config, false), "memory");
    EXPECT_EQ(read, config);
  }
}

TEST(Config, ComparisonRoundTrip) {
  Config config;
  config.rules = {"none", "sam:rho=0.1", "sam:rho=0.2"};
  config.seeds = 7;
  Config read;
  read_toml(read, to_toml(config, true), "memory");
  EXPECT_EQ(read, config);
}

TEST(Config, TomlOverlaysOnlyItsKeys) {
  Config config;
  config.batch = 77;
  read_toml(config, "lr = 1\nmodel = 'mlp'\n[settings]\nrho = 0.25\nexact = true\n", "x");
  EXPECT_EQ(config.lr, 1.0);
  EXPECT_EQ(config.model, "mlp");
  EXPECT_EQ(config.batch, 77);
  EXPECT_EQ(config.settings,
            (std::map<std::string, std::string>{{"rho", "0.25"}, {"exact", "true"}}));
}

TEST(Config, UnknownKeysAreRefusedWithTheNearest) {
  EXPECT_EQ(toml_sentence("lr = 0.1\nmomentun = 0.5"),
            "run.toml: line 2: unknown key \"momentun\", did you mean momentum?");
  EXPECT_EQ(error_of([] { find_field("label-nois"); }),
            "unknown key \"label-nois\", did you mean label_noise?");
}

TEST(Config, BadValuesNameKeyFoundAndWanted) {
  EXPECT_EQ(field_sentence("lr", "fast"), "lr: found \"fast\", wanted a number at least 0");
  EXPECT_EQ(field_sentence("lr", "-1"), "lr: found \"-1\", wanted a number at least 0");
  EXPECT_EQ(field_sentence("lr", "nan"), "lr: found \"nan\", wanted a number at least 0");
  EXPECT_EQ(field_sentence("lr", "inf"), "lr: found \"inf\", wanted a number at least 0");
  EXPECT_EQ(field_sentence("lr", ""), "lr: found \"\", wanted a number at least 0");
  EXPECT_EQ(field_sentence("lr", "0.1x"), "lr: found \"0.1x\", wanted a number at least 0");
  EXPECT_EQ(field_sentence("batch", "0"), "batch: found \"0\", wanted a whole number at least 1");
  EXPECT_EQ(field_sentence("batch", "1.5"),
            "batch: found \"1.5\", wanted a whole number at least 1");
  EXPECT_EQ(field_sentence("seed", "99999999999999999999"),
            "seed: found \"99999999999999999999\", wanted a whole number at least 0");
  EXPECT_EQ(field_sentence("momentum", "1"), "momentum: found \"1\", wanted a number in [0, 1)");
  EXPECT_EQ(field_sentence("label_noise", "1"), "");
  EXPECT_EQ(field_sentence("nesterov", "yes"), "nesterov: found \"yes\", wanted true or false");
  EXPECT_EQ(field_sentence("optimizer", "sdg"),
            "optimizer: unknown \"sdg\", did you mean sgd? There are: sgd, adam, adamw, amsgrad");
}

TEST(Config, BadTomlNamesTheLine) {
  EXPECT_THAT(toml_sentence("lr = 0.1\nbatch = \n"), HasSubstr("run.toml: line 2: "));
  EXPECT_EQ(toml_sentence("lr = \"0.1\""),
            "run.toml: line 1: lr: found \"0.1\", wanted a bare number, true or false");
  EXPECT_EQ(toml_sentence("model = 3"),
            "run.toml: line 1: model: found 3, wanted a text in quotes");
  EXPECT_EQ(toml_sentence("lr = [1, 2]"),
            "run.toml: line 1: found a array, wanted a text, a number, true or false");
  EXPECT_EQ(toml_sentence("settings = 3"),
            "run.toml: line 1: settings: wanted a table of the rule's settings");
  EXPECT_EQ(toml_sentence("rules = 'sam'"), "run.toml: line 1: rules: wanted a list of texts");
}

TEST(RuleSpec, ReadsNamesAndSettings) {
  const RuleSpec spec = parse_rule("lets_sam:rho=0.5,curvature=secant");
  EXPECT_EQ(spec.name, "lets_sam");
  EXPECT_EQ(spec.settings,
            (std::map<std::string, std::string>{{"rho", "0.5"}, {"curvature", "secant"}}));
  EXPECT_EQ(to_string(spec), "lets_sam:curvature=secant,rho=0.5");
  EXPECT_EQ(to_string(parse_rule("none")), "none");
  EXPECT_EQ(error_of([] { parse_rule(":rho=1"); }),
            "rule: found \":rho=1\", wanted a name such as sam or sam:rho=0.1");
  EXPECT_EQ(error_of([] { parse_rule("sam:0.1"); }),
            "rule: found \"0.1\" in \"sam:0.1\", wanted setting=value");
  EXPECT_EQ(error_of([] { parse_rule("sam:rho=1,rho=2"); }),
            "rule: \"rho\" appears twice in \"sam:rho=1,rho=2\"");
}

TEST(Config, ContradictionsAreRefused) {
  Config config;
  config.micro_batch = 200;
  EXPECT_EQ(error_of([&] { require_consistent(config); }),
            "micro_batch: found 200, wanted at most the batch of 128");
  config = {};
  config.nesterov = true;
  config.momentum = 0;
  EXPECT_NE(error_of([&] { require_consistent(config); }), "");
}

TEST(Config, LengthAndPlaceMayChangeOnResume) {
  Config a, b;
  b.epochs = 99;
  b.out = "elsewhere";
  b.threads = 2;
  EXPECT_THAT(fixed_differences(a, b), ElementsAre());
  b.lr = 0.2;
  b.settings["rho"] = "1";
  EXPECT_THAT(fixed_differences(a, b), ElementsAre("lr", "settings"));
}

}  // namespace
}  // namespace polder::app
