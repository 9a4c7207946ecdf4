#include "polder/optim/rules/bayes_sam.h"

#include "optim/closed_form.h"
#include "optim/conformance.h"
#include "optim/reference.h"
#include "polder/optim/rules/none.h"

namespace polder::optim {
namespace {

POLDER_CLOSED_FORM(BayesSamClosedForm);

using Texts = std::map<std::string, std::string>;

/// A training set of n samples; their rows are not asked for.
TrainingSet samples(std::int64_t n) {
  TrainingSet set{n, 1, std::vector<std::int64_t>(static_cast<std::size_t>(n)), {}};
  std::iota(set.indices.begin(), set.indices.end(), 0);
  return set;
}

TEST_P(BayesSamClosedForm, WithoutItsPartsItIsSgdWithDampenedMomentumAndCoupledDecay) {
  objective.set_training_set(samples(20));
  BayesSam rule({.rho = 0.0, .b1 = 0.8, .b2 = 1.0, .shards = 1, .noise = false});
  Sgd base(arena);
  base.set_rate(0.05);
  TrainingStep step(objective, rule, base);
  const double delta = 40.0 / (20.0 * 4.0);
  Vector here = w, m(w.size(), 0.0);
  for (std::int64_t t = 0; t < 20; ++t) {
    step.run(batch, t);
    const Vector g = plus(delta, here, mean.gradient(here));
    for (std::size_t i = 0; i < m.size(); ++i) m[i] = 0.8 * m[i] + 0.2 * g[i];
    here = plus(-0.05, m, here);
    ASSERT_THAT(dense(arena, arena.home()), Near(here, 1e-12)) << "step " << t;
  }
}

TEST_P(BayesSamClosedForm, WithoutPriorItIsPoldersOwnSgd) {
  objective.set_training_set(samples(20));
  BayesSam rule(
      {.rho = 0.0, .b1 = 0.9, .b2 = 1.0, .prior_precision = 0.0, .shards = 1, .noise = false});
  Sgd unused(arena);
  unused.set_rate(0.05);
  TrainingStep step(objective, rule, unused);
  nn::ParameterArena other(quadratic_weights(w));
  QuadraticObjective problem(other);
  None none;
  Sgd base(other, {.momentum = 0.9, .dampening = 0.9});
  const Tensor nothing = other.make_flat();
  base.step(nothing);  // the first step of SGD is not dampened: let it be one without gradient
  base.set_rate(0.05);
  TrainingStep sgd(problem, none, base);
  for (std::int64_t t = 0; t < 20; ++t) {
    step.run(batch, t);
    sgd.run(batch, t);
  }
  EXPECT_THAT(dense(arena, arena.home()), Near(dense(other, other.home()), 1e-12));
  EXPECT_THAT(dense(arena, unused.momentum()), Near(Vector(w.size(), 0.0), 0.0));
  EXPECT_EQ(unused.steps(), 0);
}

TEST_P(BayesSamClosedForm, AscendsFromTheWeightsAlongTheGradientAtTheNoisyPoint) {
  objective.set_training_set(samples(50));
  BayesSam rule({.rho = 0.3, .b2 = 0.5, .shards = 2});
  Sgd base(arena);
  base.set_rate(0.05);
  TrainingStep step(objective, rule, base);
  Vector s(w.size(), 1.0);
  for (std::int64_t t = 0; t < 4; ++t) {
    SCOPED_TRACE(t);
    const Vector here = dense(arena, arena.home());
    objective.diary.clear();
    step.run(batch, t);
    ASSERT_EQ(objective.diary.size(), 4U);  // two looks for each of two shards
    Vector size(w.size(), 0.0);
    for (std::size_t j = 0; j < 2; ++j) {
      const std::int64_t begin = j == 0 ? 0 : 3, end = j == 0 ? 3 : 7;  // of 7 rows
      const Vector theta = objective.diary[2 * j].weights;
      const Vector g = quadratic_of(batch.slice(begin, end)).gradient(theta);
      Vector there = here;
      for (std::size_t i = 0; i < g.size(); ++i) {
        EXPECT_NE(theta[i], here[i]);
        there[i] += 0.3 * g[i] / s[i];
        size[i] += static_cast<double>(end - begin) / 7.0 * std::abs(g[i]);
      }
      EXPECT_THAT(objective.diary[2 * j + 1].weights, Near(there, 1e-12));
    }
    for (std::size_t i = 0; i < s.size(); ++i)
      s[i] = 0.5 * s[i] + 0.5 * (std::sqrt(s[i]) * size[i] + 0.1 + 40.0 / 200.0);
  }
}

TEST_P(BayesSamClosedForm, TheNoiseHasTheVarianceOfTheModel) {
  // With the precision forced up to a known s: 1 / (M s) is its variance, not its deviation.
  objective.set_training_set(samples(5));
  const double M = 5 * 4.0;
  BayesSam rule({.rho = 0.0, .b2 = 1.0, .shards = 4});
  Sgd base(arena);
  base.set_rate(0.0);
  TrainingStep step(objective, rule, base);
  Memory memory;
  struct Wider : StateVisitor {
    void visit(const std::string& name, Tensor& tensor) override {
      if (name == "bayes_sam/s") kernels::backend_of(tensor).fill(2.5, tensor);
    }
    void visit(const std::string&, double&) override {}
    void visit(const std::string&, std::int64_t&) override {}
    void visit(const std::string&, std::vector<double>&) override {}
  } wider;
  rule.visit_state(wider);
  double sum = 0.0, squares = 0.0, count = 0.0;
  for (std::int64_t t = 0; t < 400; ++t) {
    objective.diary.clear();
    step.run(batch, t);
    for (std::size_t look = 0; look < 8; look += 2)
      for (const double e : plus(-1.0, w, objective.diary[look].weights)) {
        sum += e;
        squares += e * e;
        ++count;
      }
  }
  EXPECT_NEAR(squares / count * M * 2.5, 1.0, 0.05);  // 14400 numbers: 0.012 one deviation
  EXPECT_NEAR(sum / count * std::sqrt(M * 2.5), 0.0, 0.04);
}

TEST(BayesSam, AFailedPassLeavesItsState) {
  for (int fail_at = 0; fail_at < 6; ++fail_at) {
    Training training("bayes_sam", Settings(Texts{{"shards", "3"}, {"b2", "0.9"}}));
    training.run_steps(2);
    Memory before, after;
    before.save(*training.rule);
    training.problem.objective.diary.clear();
    training.problem.objective.fail_at = fail_at;
    EXPECT_THROW(training.run_step(), std::runtime_error);
    after.save(*training.rule);
    for (const auto& [name, tensor] : before.tensors())
      EXPECT_EQ(bits_of(after.tensors().at(name)), bits_of(tensor)) << name;
  }
}

TEST(BayesSam, StatisticsMoveInTheFirstPassOfTheFirstShard) {
  Training training("bayes_sam", Settings(Texts{{"shards", "3"}, {"noise", "true"}}));
  training.run_step();
  const auto& diary = training.problem.objective.diary;
  ASSERT_EQ(diary.size(), 6U);
  for (std::size_t pass = 0; pass < 6; ++pass) {
    EXPECT_EQ(diary[pass].moved_statistics, pass == 0) << pass;
    EXPECT_FALSE(diary[pass].at_home);
  }
}

TEST(BayesSam, ItsOptionsAgreeWithTheReference) {
  for (const char* shards : {"1", "2", "8"})
    for (const char* noise : {"true", "false"})
      for (const char* b2 : {"0.5", "0.999"}) {
        SCOPED_TRACE(std::string("shards ") + shards + ", noise " + noise + ", b2 " + b2);
        Settings settings(Texts{{"shards", shards}, {"noise", noise}, {"b2", b2}, {"rho", "0.1"}});
        EXPECT_LT(distance_to_reference("bayes_sam", settings, 20), 1e-9);
      }
}

TEST(BayesSam, RefusesWhatMakesNoSense) {
  EXPECT_EQ(error_of([] { BayesSam({.rho = -1.0}); }),
            "bayes_sam: rho is -1, want a finite number >= 0");
  EXPECT_EQ(error_of([] { BayesSam({.b1 = 1.0}); }), "bayes_sam: b1 is 1, want a number in [0, 1)");
  EXPECT_EQ(error_of([] { BayesSam({.b2 = 1.5}); }),
            "bayes_sam: b2 is 1.5, want a number in [0, 1] (1 holds s)");
  EXPECT_EQ(error_of([] { BayesSam({.gamma = 0.0, .prior_precision = 0.0}); }),
            "bayes_sam: gamma and prior_precision are 0, so that the precision s would fall to 0");
  EXPECT_EQ(error_of([] { BayesSam({.data_factor = 0.0}); }),
            "bayes_sam: data_factor is 0, want a finite number > 0");
  EXPECT_EQ(error_of([] { BayesSam({.shards = 0}); }), "bayes_sam: shards is 0, want 1 or more");
  Training training("bayes_sam", Settings(Texts{{"shards", "14"}, {"rho", "0.1"}}));
  EXPECT_EQ(error_of([&] { training.run_step(); }),
            "bayes_sam: shards is 14, but the batch has only 13 rows");
  NetProblem problem;
  problem.objective.set_training_set({});
  BayesSam rule({});
  const auto base = make_base_optimizer("sgd", {}, problem.arena);
  EXPECT_EQ(error_of([&] { rule.prepare(problem.objective, *base); }),
            "training_set: this objective does not know its training samples, call "
            "set_training_set first");
}

}  // namespace
}  // namespace polder::optim
