#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "polder/app/trainer.h"
#include "test_support.h"

/// Averaged weights are what is scored, and training does not notice.
namespace polder::app {
namespace {

using Tensors = std::map<std::string, std::vector<float>>;

Config config_of(const std::string& rule, const std::string& data, const std::string& model) {
  const bool small = model != "mlp";  // convolutions take long under the sanitizers
  Config config;
  config.data = data;
  config.model = model;
  config.rule = rule;
  config.batch = small ? 20 : 50;
  config.epochs = 2;
  config.lr = 0.1;
  config.train_size = small ? 100 : 200;
  config.test_size = small ? 10 : 50;
  config.threads = 1;
  return resolved(config);
}

/// Writes the model's tensors down, or puts others in their place.
class ModelTensors final : public StateVisitor {
 public:
  explicit ModelTensors(const Tensors* replacement = nullptr) : replacement_(replacement) {}
  void visit(const std::string& name, Tensor& tensor) override {
    if (!name.starts_with("model/")) return;
    if (replacement_ != nullptr) tensor.write(std::span<const float>(replacement_->at(name)));
    found[name] = tensor.to_vector<float>();
  }
  void visit(const std::string&, double&) override {}
  void visit(const std::string&, std::int64_t&) override {}
  void visit(const std::string&, std::vector<double>&) override {}
  Tensors found;

 private:
  const Tensors* replacement_;
};

Tensors tensors_of(Trainer& trainer) {
  ModelTensors visitor;
  trainer.visit_state(visitor);
  return visitor.found;
}

void train_an_epoch(Trainer& trainer) {
  for (std::int64_t t = 0; t < trainer.steps_per_epoch(); ++t) trainer.step();
}

TEST(Averaging, TheMeanOfTheEpochsIsScored) {
  for (const std::string rule : {"sam", "none", "lookbehind_sam", "lets_sam"}) {
    SCOPED_TRACE(rule);
    Trainer plain(config_of(rule, "spirals", "mlp"));
    Trainer averaged(config_of("wasam_" + rule + ":start=0", "spirals", "mlp"));
    train_an_epoch(plain);
    train_an_epoch(averaged);
    const Tensors first = tensors_of(plain);
    const EvaluationRecord at_first = averaged.evaluate();
    EXPECT_EQ(at_first.test.loss, plain.evaluate().test.loss);  // the first average is w
    train_an_epoch(plain);
    train_an_epoch(averaged);
    EXPECT_EQ(tensors_of(plain), tensors_of(averaged));
    const EvaluationRecord last = averaged.evaluate(), other = plain.evaluate();
    EXPECT_NE(last.test.loss, other.test.loss);

    Tensors mean = tensors_of(plain);
    for (auto& [name, values] : mean)
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = 0.5F * (values[i] + first.at(name)[i]);
    ModelTensors put(&mean);
    plain.visit_state(put);
    const EvaluationRecord of_mean = plain.evaluate();
    EXPECT_NEAR(last.training.loss, of_mean.training.loss, 1e-6);
    EXPECT_NEAR(last.validation.loss, of_mean.validation.loss, 1e-6);
    EXPECT_NEAR(last.test.loss, of_mean.test.loss, 1e-6);
  }
}

TEST(Averaging, StatisticsAreEstimatedAnewAndThoseOfTrainingStay) {
  const Config config = config_of("wasam:start=0", "fashion_mnist", "resnet20");
  std::unique_ptr<Trainer> quiet, asked;
  try {
    quiet = std::make_unique<Trainer>(config);
    asked = std::make_unique<Trainer>(config);
  } catch (const Error& error) {
    if (std::string(error.what()).find("find_fashion_mnist") == std::string::npos) throw;
    GTEST_SKIP() << error.what();
  }
  Trainer plain(config_of("sam", "fashion_mnist", "resnet20"));
  const std::int64_t epoch = plain.steps_per_epoch();
  for (std::int64_t t = 0; t < epoch + 2; ++t) {
    plain.step();
    quiet->step();
    asked->step();
    asked->evaluate();
    if (t + 1 != epoch) continue;
    // The weights are those of the plain training here; what differs is the statistics.
    EXPECT_NE(asked->evaluate().test.loss, plain.evaluate().test.loss);
  }
  EXPECT_EQ(tensors_of(*asked), tensors_of(*quiet));
  EXPECT_EQ(tensors_of(*asked), tensors_of(plain));
  EXPECT_EQ(asked->result().forward_passes, quiet->result().forward_passes);
}

TEST(Averaging, TheRadiusIsLearnedInside) {
  EXPECT_THAT(error_of([] { config_of("lets_wasam", "spirals", "mlp"); }),
              testing::HasSubstr("the radius is learned inside: wasam_lets_sam"));
  Trainer trainer(config_of("wasam_lets_asam", "spirals", "mlp"));
  trainer.step();
  EXPECT_TRUE(trainer.receipt().has_value());  // of the rule inside
}

}  // namespace
}  // namespace polder::app
