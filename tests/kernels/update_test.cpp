#include "kernels/kernel_test.h"
#include "polder/kernels/naive_flat.h"

namespace polder::kernels::testing {
namespace {

class UpdateTest : public KernelTest {
 protected:
  static constexpr double kRate = 0.25;
};
POLDER_KERNEL_SUITE(UpdateTest);

const std::vector<SgdCoefficients> kSgd = {
    {},
    {.weight_decay = 0.1},
    {.momentum = 0.9},
    {.momentum = 0.9, .first = true},
    {.momentum = 0.8, .dampening = 0.3, .weight_decay = 0.1},
    {.momentum = 0.8, .dampening = 0.3, .weight_decay = 0.1, .first = true},
    {.momentum = 0.9, .weight_decay = 0.01, .nesterov = true},
    {.momentum = 0.9, .nesterov = true, .first = true}};

std::vector<AdamCoefficients> adam_cases() {
  std::vector<AdamCoefficients> cases;
  for (const bool decoupled : {false, true})
    for (const double decay : {0.0, 0.1})
      for (const std::int64_t step : {1, 2, 1000})
        cases.push_back({.beta1 = 0.9,
                         .beta2 = 0.99,
                         .epsilon = 1e-4,
                         .weight_decay = decay,
                         .decoupled = decoupled,
                         .step = step});
  return cases;
}

/// One weight, its moments and its gradient, in float64.
struct Weight {
  double w, m, v, g;
};

double sgd_step(const SgdCoefficients& c, double rate, Weight& weight) {
  const double total = weight.g + c.weight_decay * weight.w;
  double update = total;
  if (c.momentum != 0) {
    weight.m = c.first ? total : c.momentum * weight.m + (1 - c.dampening) * total;
    update = c.nesterov ? total + c.momentum * weight.m : weight.m;
  }
  return weight.w -= rate * update;
}

/// Adam's Update without decoupled decay, as a function of G.
double adam_direction(const AdamCoefficients& c, double& m, double& v, double gradient) {
  m = c.beta1 * m + (1 - c.beta1) * gradient;
  v = c.beta2 * v + (1 - c.beta2) * gradient * gradient;
  const double k = static_cast<double>(c.step);
  const double unbiased_m = m / (1 - std::pow(c.beta1, k));
  const double unbiased_v = v / (1 - std::pow(c.beta2, k));
  return unbiased_m / (std::sqrt(unbiased_v) + c.epsilon);
}

/// What Adam sees of the gradient: coupled decay included.
double total_gradient(const AdamCoefficients& c, const Weight& weight) {
  return weight.g + (c.decoupled ? 0 : c.weight_decay * weight.w);
}

/// |d adam_direction / d G|: near a jump of the direction the rounding of G counts many times over.
double adam_sensitivity(const AdamCoefficients& c, const Weight& weight) {
  const double total = total_gradient(c, weight), h = 1e-6;
  double m = weight.m, v = weight.v;
  const double above = adam_direction(c, m, v, total + h);
  m = weight.m;
  v = weight.v;
  return std::abs(above - adam_direction(c, m, v, total - h)) / (2 * h);
}

void adam_step(const AdamCoefficients& c, double rate, Weight& weight) {
  const double total = total_gradient(c, weight);
  const double step = adam_direction(c, weight.m, weight.v, total);
  weight.w -= rate * ((c.decoupled ? c.weight_decay * weight.w : 0) + step);
}

TEST_P(UpdateTest, SgdMatchesItsFormulaAndLeavesTheGradientAlone) {
  for (const SgdCoefficients& c : kSgd)
    for (const std::int64_t n : kFlatLengths) {
      Tensor w = normals({n});
      // On the first step the old momentum must not be read.
      Tensor momentum = c.first ? poisoned({n}) : normals({n});
      const Tensor g = normals({n}), untouched = g.clone();
      const Values weights = host(w), momenta = host(momentum), gradients = host(g);
      Values expected, moved;
      for (std::size_t i = 0; i < weights.size(); ++i) {
        Weight weight{weights[i], momenta[i], 0, gradients[i]};
        expected.push_back(sgd_step(c, kRate, weight));
        moved.push_back(weight.m);
      }
      backend().sgd_update(c, scalar(kRate), g, w, momentum);
      expect_close(w, expected, {.size = 4});
      if (c.momentum != 0.0) expect_close(momentum, moved, {.size = 4});
      EXPECT_TRUE(same_bits(g, untouched));
    }
}

TEST_P(UpdateTest, SgdWithoutMomentumNeedsNoMomentum) {
  Tensor w = upload({1.0, 2.0}), none;
  backend().sgd_update({}, scalar(0.5), upload({2.0, -2.0}), w, none);
  EXPECT_EQ(host(w), (Values{0, 3}));
}

TEST_P(UpdateTest, AdamMatchesItsFormulaAndLeavesTheGradientAlone) {
  for (const AdamCoefficients& c : adam_cases())
    for (const std::int64_t n : kFlatLengths) {
      // A second moment near zero would magnify the rounding of the first without bound.
      Tensor w = normals({n}), m = normals({n}), v = uniforms({n}, 0.05, 2);
      if (c.step == 1) {
        backend().fill(0.0, m);
        backend().fill(0.0, v);
      }
      const Tensor g = normals({n}), untouched = g.clone();
      const Values weights = host(w), first = host(m), second = host(v), gradients = host(g);
      Values expected, new_first, new_second, sizes;
      for (std::size_t i = 0; i < weights.size(); ++i) {
        Weight weight{weights[i], first[i], second[i], gradients[i]};
        sizes.push_back(8 + kRate * adam_sensitivity(c, weight));
        adam_step(c, kRate, weight);
        expected.push_back(weight.w);
        new_first.push_back(weight.m);
        new_second.push_back(weight.v);
      }
      backend().adam_update(c, scalar(kRate), g, w, m, v);
      expect_close(m, new_first, {.size = 4});
      expect_close(v, new_second);
      expect_close_sized(w, expected, sizes);
      EXPECT_TRUE(same_bits(g, untouched));
    }
}

TEST_P(UpdateTest, AdamOfAZeroGradientStaysWhereItIs) {
  Tensor w = upload({1.5, -2.0}), m = upload({0, 0}), v = upload({0, 0}), q = upload({1.0, 1.0});
  const Tensor before = w.clone(), g = upload({0, 0});
  backend().adam_update({.epsilon = 0.5}, scalar(0.1), g, w, m, v);
  EXPECT_TRUE(same_bits(w, before));
  backend().adam_derivative({.epsilon = 0.5}, scalar(0.1), g, w, m, v, q);
  EXPECT_EQ(host(q), (Values{2, 2}));
  // A later step whose second moment is still 0: the first term alone, 0.1 / (1 - 0.9^2) / 0.5.
  Tensor later = upload({1.0, 1.0});
  backend().adam_derivative({.epsilon = 0.5, .step = 2}, scalar(0.1), g, w, m, v, later);
  expect_close(later, Values(2, 0.1 / (1 - 0.81) / 0.5));
}

/// D by central differences of Adam's direction in G, at the weights and moments before the step.
double derivative_by_differences(const AdamCoefficients& c, const Weight& before) {
  const double total = before.g + (c.decoupled ? 0 : c.weight_decay * before.w), h = 1e-5;
  double m = before.m, v = before.v;
  const double above = adam_direction(c, m, v, total + h);
  m = before.m;
  v = before.v;
  return (above - adam_direction(c, m, v, total - h)) / (2 * h);
}

TEST_P(UpdateTest, AdamDerivativeIsThatOfTheStepJustMade) {
  for (const AdamCoefficients& c : adam_cases())
    for (const std::int64_t n : {1, 33, 1000}) {
      const bool first = c.step == 1;
      Tensor w = normals({n}), m = normals({n}), v = uniforms({n}, 0.5, 2), q = normals({n});
      // Away from the jump of the first step at G = 0.
      const Tensor g = first ? uniforms({n}, 0.5, 2) : normals({n});
      if (first) {
        backend().fill(0.0, m);
        backend().fill(0.0, v);
      }
      const Values weights = host(w), moments = host(m), squares = host(v), gradients = host(g);
      const Values tangent = host(q);
      backend().adam_update(c, scalar(kRate), g, w, m, v);
      backend().adam_derivative(c, scalar(kRate), g, w, m, v, q);
      const Values found = host(q);
      for (std::size_t i = 0; i < found.size(); ++i) {
        const double d =
            derivative_by_differences(c, {weights[i], moments[i], squares[i], gradients[i]});
        // Differences lose digits to their step; in float32 the weights before the step too.
        const double allowed = dtype() == DType::float64 ? 1e-8 : 2e-4;
        EXPECT_NEAR(found[i], d * tangent[i],
                    allowed * (std::abs(d) + 0.1) * (1 + std::abs(tangent[i])))
            << "k = " << c.step << ", decoupled " << c.decoupled << ", element " << i;
      }
    }
}

// The bfloat16 copy is what the same pass leaves in w, rounded; nothing else of the update changes.
TEST_P(UpdateTest, TheCopyIsTheNewWeightRounded) {
  if (dtype() != DType::float32) GTEST_SKIP() << "only float32 weights have a copy";
  for (const std::int64_t start : {0, 1})
    for (const std::int64_t n : kFlatLengths) {
      const Tensor w = normals({n}), m = normals({n}), v = uniforms({n}, 0.05, 2), g = normals({n});
      const Tensor copy = copy_at(start, rounded(poisoned({n})));
      for (const SgdCoefficients& c : kSgd) {
        Tensor plain = w.clone(), plain_m = m.clone(), with = w.clone(), with_m = m.clone();
        backend().sgd_update(c, scalar(kRate), g, plain, plain_m);
        backend().sgd_update(c, scalar(kRate), g, with, with_m, copy);
        EXPECT_TRUE(same_bits(with, plain) && same_bits(with_m, plain_m));
        EXPECT_TRUE(same_bits(copy, rounded(plain)));
      }
      for (const AdamCoefficients& c : adam_cases()) {
        Tensor plain = w.clone(), with = w.clone(), m1 = m.clone(), m2 = m.clone();
        Tensor v1 = v.clone(), v2 = v.clone();
        backend().adam_update(c, scalar(kRate), g, plain, m1, v1);
        backend().adam_update(c, scalar(kRate), g, with, m2, v2, copy);
        EXPECT_TRUE(same_bits(with, plain) && same_bits(m1, m2) && same_bits(v1, v2));
        EXPECT_TRUE(same_bits(copy, rounded(plain)));
      }
    }
}

class NaiveUpdateTest : public KernelTest {
 protected:
  struct Model {
    Tensor flat;
    std::vector<Tensor> parts;
  };
  Model model(const Tensor& flat) const {
    Model result{flat, {}};
    std::int64_t at = 0;
    for (const Shape& shape : {Shape{7, 3}, Shape{1}, Shape{33, 31}, Shape{64}}) {
      result.parts.push_back(flat.view(at, shape));
      at += shape.numel();
    }
    return result;
  }
  static constexpr std::int64_t kSize = 21 + 1 + 1023 + 64;
};
POLDER_KERNEL_SUITE(NaiveUpdateTest);

TEST_P(NaiveUpdateTest, SgdTensorByTensorGivesTheSameWeights) {
  for (const SgdCoefficients& c : kSgd) {
    const Model w = model(normals({kSize})), m = model(normals({kSize}));
    const Model g = model(normals({kSize}));
    Tensor flat = w.flat.clone(), momentum = m.flat.clone();
    backend().sgd_update(c, scalar(0.1), g.flat, flat, momentum);
    naive::sgd(backend(), c, 0.1, w.parts, g.parts, m.parts);
    expect_close(flat, host(w.flat), {.size = 4});
    if (c.momentum != 0.0) expect_close(momentum, host(m.flat), {.size = 4});
  }
}

TEST_P(NaiveUpdateTest, AdamTensorByTensorGivesTheSameWeights) {
  for (const AdamCoefficients& c : adam_cases()) {
    const Model w = model(normals({kSize})), m = model(normals({kSize}));
    const Model v = model(uniforms({kSize}, 0, 1)), g = model(normals({kSize}));
    Tensor flat = w.flat.clone(), first = m.flat.clone(), second = v.flat.clone();
    backend().adam_update(c, scalar(0.1), g.flat, flat, first, second);
    naive::adam(backend(), c, 0.1, w.parts, g.parts, m.parts, v.parts);
    // At k = 1 with moments that are not 0, Update is as large as |m| / (1 - beta1) / epsilon.
    const double largest = c.step == 1 ? 40 : 4;
    expect_close(flat, host(w.flat), {.size = largest});
    expect_close(first, host(m.flat), {.size = 4});
    expect_close(second, host(v.flat), {.size = 4});
  }
}

}  // namespace
}  // namespace polder::kernels::testing
