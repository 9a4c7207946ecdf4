#include "polder/app/samples.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "app/clothes.h"
#include "app/same_state.h"
#include "app/temporary_folder.h"
#include "polder/app/domains.h"
#include "polder/app/run.h"
#include "polder/app/trainer.h"
#include "polder/data/rotation.h"
#include "test_support.h"

namespace polder::app {
namespace {

/// Six angles, one of them left out.
Config domain_config(const fs::path& data, const std::string& leave_out = "45") {
  Config config;
  config.data = "fashion_mnist";
  config.data_dir = data.string();
  config.domains = "0,15,30,45,60,75";
  config.leave_out = leave_out;
  config.train_size = 200;
  config.test_size = 60;
  config.batch = 20;
  config.threads = 1;
  return config;
}

std::vector<float> values_of(const data::Dataset& set, std::int64_t i) {
  std::vector<float> values(static_cast<std::size_t>(set.sample_shape().numel()));
  set.read(i, values);
  return values;
}

std::vector<float> turned(const data::Dataset& upright, std::int64_t i, double angle) {
  const std::vector<float> image = values_of(upright, i);
  std::vector<float> out(image.size());
  data::rotate(image, upright.sample_shape(), angle, out);
  return out;
}

TEST(Domains, TheOneLeftOutIsTestedAndNoneElseIsTrained) {
  const TemporaryFolder folder;
  write_clothes(folder.path());
  Config plain = domain_config(folder.path());
  plain.domains = plain.leave_out = "";
  const Samples upright(plain), samples(domain_config(folder.path()));
  for (const std::int64_t i : samples.test_indices()) {
    EXPECT_EQ(samples.test().domain(i), 3);
    EXPECT_EQ(values_of(samples.test(), i), turned(upright.test(), i, 45.0));
  }
  const double angles[] = {0, 15, 30, 45, 60, 75};
  for (const auto* indices : {&samples.training_indices(), &samples.validation_indices()})
    for (const std::int64_t i : *indices) {
      const auto domain = static_cast<std::size_t>(samples.training().domain(i));
      EXPECT_NE(domain, 3U);
      EXPECT_EQ(values_of(samples.training(), i), turned(upright.training(), i, angles[domain]));
    }
}

TEST(Domains, SharesAreEqualAndHoldEveryClass) {
  const TemporaryFolder folder;
  write_clothes(folder.path());
  for (const std::string leave_out : {"45", ""}) {
    Config config = domain_config(folder.path(), leave_out);
    config.validation = 0.0;
    const Samples samples(config);
    std::map<std::int64_t, std::int64_t> sizes, tested;
    std::map<std::int64_t, std::set<std::int64_t>> classes;
    for (const std::int64_t i : samples.training_indices()) {
      ++sizes[samples.training().domain(i)];
      classes[samples.training().domain(i)].insert(samples.training().label(i));
    }
    for (const std::int64_t i : samples.test_indices()) ++tested[samples.test().domain(i)];
    EXPECT_EQ(sizes.size(), leave_out.empty() ? 6U : 5U);
    EXPECT_EQ(tested.size(), leave_out.empty() ? 6U : 1U);
    for (const auto& [domain, size] : sizes) {
      EXPECT_NEAR(static_cast<double>(size), 200.0 / static_cast<double>(sizes.size()), 10.0);
      EXPECT_EQ(classes[domain].size(), 10U);
    }
  }
}

TEST(Domains, EveryTrainingBatchHoldsAsMuchOfEachDomain) {
  const TemporaryFolder folder;
  write_clothes(folder.path());
  const Samples samples(domain_config(folder.path()));
  data::Loader training = samples.training_loader(), fresh = samples.fresh_training_loader();
  for (data::Loader* loader : {&training, &fresh})
    for (int b = 0; b < 12; ++b) {
      const Batch batch = loader->next();
      std::map<std::int64_t, int> held;
      for (const std::int64_t domain : batch.domains.to_vector<std::int64_t>()) ++held[domain];
      EXPECT_EQ(held, (std::map<std::int64_t, int>{{0, 4}, {1, 4}, {2, 4}, {4, 4}, {5, 4}}));
    }
}

TEST(Domains, ARunContinuesWithTheSameBits) {
  const TemporaryFolder data, whole, parts;
  write_clothes(data.path());
  Config config = domain_config(data.path());
  config.model = "mlp";
  config.rule = "sagm:rho=0.1";
  config.steps = 21;  // 9 batches an epoch
  config.checkpoint_every = 5;
  config.out = whole.path().string();
  config = resolved(config);
  RunWatcher nobody;
  run_training(config, false, nobody, [] { return false; });
  config.out = parts.path().string();
  for (int i = 0; i < 4; ++i) {
    int steps = 0;
    run_training(config, true, nobody, [&steps] { return ++steps == 6; });
  }
  expect_same_run(whole.path(), parts.path(), 21);
}

TEST(Domains, WrongOnesAreNamed) {
  const auto sentence = [](const std::string& domains, const std::string& leave_out) {
    Config config;
    config.domains = domains;
    config.leave_out = leave_out;
    return error_of([&] { domains_of(config); });
  };
  EXPECT_EQ(sentence("0,15,30", "15"), "");
  EXPECT_EQ(sentence("0,x", ""),
            "domains: found \"x\" in \"0,x\", wanted angles in degrees as in 0,15,30");
  EXPECT_EQ(sentence("0,15,0.0", ""), "domains: 0.0 appears twice in \"0,15,0.0\"");
  EXPECT_EQ(sentence("30", ""), "domains: found \"30\" alone, wanted two angles or more");
  EXPECT_EQ(sentence("0,15", "20"), "leave_out: found 20, wanted one of the domains 0,15");
  EXPECT_EQ(sentence("", "20"), "leave_out: found 20, but there are no domains");
}

}  // namespace
}  // namespace polder::app
