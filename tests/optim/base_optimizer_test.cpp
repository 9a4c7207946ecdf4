#include "polder/optim/base_optimizer.h"

#include <gtest/gtest.h>

#include "optim/quadratic.h"
#include "optim/support.h"

namespace polder::optim {
namespace {

/// One weight under an optimizer, in plain float64 arithmetic from the formulas of sgd.h and
/// adam.h.
struct Reference {
  std::string optimizer;
  BaseOptions o;
  int k = 0;
  double m = 0.0, v = 0.0, vmax = -1.0;

  double step(double w, double g, double rate) {
    ++k;
    if (optimizer == "sgd") return w - rate * sgd_update(g + o.weight_decay * w);
    if (optimizer == "amsgrad") return w - rate * amsgrad_update(g + o.weight_decay * w);
    const bool decoupled = optimizer == "adamw";
    const double update = adam_update(decoupled ? g : g + o.weight_decay * w);
    return w - rate * (update + (decoupled ? o.weight_decay * w : 0.0));
  }

  double sgd_update(double g) {
    if (o.momentum == 0.0) return g;
    m = k == 1 ? g : o.momentum * m + (1.0 - o.dampening) * g;
    return o.nesterov ? g + o.momentum * m : m;
  }
  double amsgrad_update(double g) {
    m = o.beta1 * m + (1.0 - o.beta1) * g;
    v = o.beta2 * v + (1.0 - o.beta2) * g * g;
    if (k == 1) vmax = o.epsilon * o.epsilon;
    vmax = std::max(vmax, v);
    return m / std::sqrt(vmax);
  }
  double adam_update(double g) {
    m = o.beta1 * m + (1.0 - o.beta1) * g;
    v = o.beta2 * v + (1.0 - o.beta2) * g * g;
    const double m_hat = m / (1.0 - std::pow(o.beta1, k)), v_hat = v / (1.0 - std::pow(o.beta2, k));
    return m_hat / (std::sqrt(v_hat) + o.epsilon);
  }
};

struct Case {
  std::string name;
  std::string optimizer;
  BaseOptions options;
};

std::vector<Case> cases() {
  return {
      {"plain_sgd", "sgd", {.momentum = 0.0}},
      {"plain_sgd_with_decay", "sgd", {.weight_decay = 0.1, .momentum = 0.0}},
      {"heavy_ball", "sgd", {.weight_decay = 0.1}},
      {"dampened_heavy_ball", "sgd", {.weight_decay = 0.1, .momentum = 0.7, .dampening = 0.4}},
      {"nesterov", "sgd", {.weight_decay = 0.1, .momentum = 0.8, .nesterov = true}},
      {"adam", "adam", {}},
      {"adam_with_decay", "adam", {.weight_decay = 0.1, .beta1 = 0.8, .epsilon = 1e-3}},
      {"adamw", "adamw", {.weight_decay = 0.1, .beta1 = 0.8, .beta2 = 0.99}},
      {"amsgrad", "amsgrad", {}},
      {"amsgrad_forgetful", "amsgrad", {.weight_decay = 0.1, .beta1 = 0.8, .beta2 = 0.6}},
      {"amsgrad_on_its_floor", "amsgrad", {.beta2 = 0.9, .epsilon = 1.5}},
  };
}

constexpr std::int64_t kSize = 37;
double rate_at(int step) { return 0.02 / (1 + step); }

/// A library optimizer and its references, one a weight, fed the same random gradients.
class BaseOptimizerTest : public testing::TestWithParam<Case> {
 protected:
  Vector w = random_vector(kSize, "w", 1);
  nn::ParameterArena arena{quadratic_weights(w)};
  std::unique_ptr<BaseOptimizer> base =
      make_base_optimizer(GetParam().optimizer, GetParam().options, arena);
  std::vector<Reference> references{kSize, {GetParam().optimizer, GetParam().options}};
  Vector last_g;

  void make_step(int t) {
    last_g = random_vector(kSize, "g", static_cast<std::uint64_t>(t));
    const Tensor g = flat_of(arena, last_g);
    const auto g_before = bits_of(g);
    base->set_rate(rate_at(t));
    base->step(g);
    EXPECT_EQ(bits_of(g), g_before) << "the optimizer wrote to g";
    for (std::size_t i = 0; i < w.size(); ++i)
      w[i] = references[i].step(w[i], last_g[i], rate_at(t));
  }
};
INSTANTIATE_TEST_SUITE_P(Optimizers, BaseOptimizerTest, testing::ValuesIn(cases()),
                         [](const auto& parameter) { return parameter.param.name; });

TEST_P(BaseOptimizerTest, FollowsTheFormula) {
  for (int t = 0; t < 20; ++t) {
    SCOPED_TRACE(t);
    make_step(t);
    EXPECT_THAT(dense(arena, arena.home()), Near(w, 1e-13));
    EXPECT_EQ(base->steps(), t + 1);
  }
}

TEST_P(BaseOptimizerTest, ShowsItsMomentum) {
  if (GetParam().options.momentum == 0.0) {
    EXPECT_EQ(error_of([&] { base->momentum(); }),
              "momentum: this base optimizer keeps no momentum");
    return;
  }
  EXPECT_THAT(dense(arena, base->momentum()), Near(Vector(kSize, 0.0), 0.0));
  for (int t = 0; t < 3; ++t) make_step(t);
  Vector expected;
  for (const Reference& reference : references) expected.push_back(reference.m);
  EXPECT_THAT(dense(arena, base->momentum()), Near(expected, 1e-13));
}

/// D by central differences of the reference's update by G.
TEST_P(BaseOptimizerTest, DerivativeIsThatOfTheUpdate) {
  for (int t = 0; t < 5; ++t) {
    SCOPED_TRACE(t);
    const std::vector<Reference> before = references;
    const Vector w_before = w;
    make_step(t);
    if (!base->derivative_is_reliable()) continue;
    Tensor q = flat_of(arena, random_vector(kSize, "q", 1));
    Vector expected = dense(arena, q);
    const double h = 1e-5;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      Reference up = before[i], down = before[i];
      expected[i] *=
          (down.step(w_before[i], last_g[i] - h, 1.0) - up.step(w_before[i], last_g[i] + h, 1.0)) /
          (2 * h);
    }
    base->apply_derivative(flat_of(arena, last_g), q);
    EXPECT_THAT(dense(arena, q), Near(expected, 1e-7 * norm(expected)));
  }
}

TEST_P(BaseOptimizerTest, OnlyAdamsFirstStepIsUnreliable) {
  make_step(0);
  EXPECT_EQ(base->derivative_is_reliable(), GetParam().optimizer == "sgd");
  make_step(1);
  EXPECT_TRUE(base->derivative_is_reliable());
}

TEST_P(BaseOptimizerTest, PaddingStaysZero) {
  for (int t = 0; t < 3; ++t) make_step(t);
  const Vector flat = arena.home().to_vector<double>();
  EXPECT_NEAR(inner(flat, flat), inner(w, w), 1e-10);
}

/// At k = 1 the two terms of D cancel to e / (|G| + e)^2: an epsilon that can be seen.
TEST(AdamFirstStep, DerivativeIsThatOfASmoothedSign) {
  for (const std::string optimizer : {"adam", "adamw"}) {
    SCOPED_TRACE(optimizer);
    nn::ParameterArena arena(quadratic_weights(random_vector(kSize, "w", 1)));
    const auto base = make_base_optimizer(optimizer, {.weight_decay = 0.1, .epsilon = 0.5}, arena);
    base->set_rate(0.02);
    const Vector g = random_vector(kSize, "g", 1);
    Vector total = g, expected(kSize);
    if (optimizer == "adam") total = plus(0.1, dense(arena, arena.home()), g);
    for (std::size_t i = 0; i < g.size(); ++i)
      expected[i] = 0.5 / ((std::abs(total[i]) + 0.5) * (std::abs(total[i]) + 0.5));
    base->step(flat_of(arena, g));
    Tensor q = flat_of(arena, Vector(kSize, 1.0));
    base->apply_derivative(flat_of(arena, g), q);
    EXPECT_THAT(dense(arena, q), Near(expected, 1e-12));
  }
}

class BaseOptimizerErrors : public testing::Test {
 protected:
  nn::ParameterArena arena{quadratic_weights(Vector(kSize, 1.0))};
  std::string refusal(const std::string& optimizer, const BaseOptions& options) {
    return error_of([&] { make_base_optimizer(optimizer, options, arena); });
  }
};

TEST_F(BaseOptimizerErrors, UnknownNamesFindTheirNearest) {
  EXPECT_EQ(
      refusal("adamv", {}),
      "base optimizer 'adamv' is unknown, did you mean 'adam'? (known: sgd, adam, adamw, amsgrad)");
}

TEST_F(BaseOptimizerErrors, SettingsOutOfRangeAreRefused) {
  EXPECT_EQ(refusal("sgd", {.momentum = 1.0}), "sgd: momentum is 1, want a number in [0, 1)");
  EXPECT_EQ(refusal("sgd", {.dampening = -0.5}), "sgd: dampening is -0.5, want a number in [0, 1]");
  EXPECT_EQ(refusal("sgd", {.weight_decay = -1e-4}),
            "sgd: weight decay is -0.0001, want a finite number >= 0");
  EXPECT_EQ(refusal("sgd", {.momentum = 0.0, .nesterov = true}),
            "sgd: nesterov with momentum 0 and dampening 0, want momentum > 0 and no dampening");
  EXPECT_EQ(refusal("adam", {.beta1 = 1.0}), "adam: beta1 is 1, want a number in [0, 1)");
  EXPECT_EQ(refusal("adamw", {.beta2 = -0.1}), "adam: beta2 is -0.1, want a number in [0, 1)");
  EXPECT_EQ(refusal("adamw", {.epsilon = 0.0}), "adam: epsilon is 0, want a finite number > 0");
  EXPECT_EQ(refusal("adam", {.weight_decay = NAN}),
            "adam: weight decay is nan, want a finite number >= 0");
}

TEST_F(BaseOptimizerErrors, WrongUseIsRefused) {
  const auto base = make_base_optimizer("sgd", {}, arena);
  EXPECT_EQ(error_of([&] { base->set_rate(-0.1); }),
            "set_rate: learning rate is -0.1, want a finite number >= 0");
  EXPECT_EQ(error_of([&] { base->set_rate(INFINITY); }),
            "set_rate: learning rate is inf, want a finite number >= 0");
  Tensor q = arena.make_flat();
  EXPECT_EQ(error_of([&] { base->apply_derivative(q, q); }),
            "apply_derivative: no step was made yet");
  EXPECT_EQ(error_of([&] { base->step(Tensor::zeros({3})); }),
            "step: gradient is float32 [3], the arena's weights are float64 [64]");
  arena.activate_twin();
  EXPECT_EQ(error_of([&] { base->step(q); }),
            "step: the weights are away from home, end the excursion first");
  EXPECT_EQ(base->steps(), 0);
}

}  // namespace
}  // namespace polder::optim
