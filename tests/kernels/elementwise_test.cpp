#include <functional>
#include <map>
#include <numbers>

#include "kernels/kernel_test.h"

namespace polder::kernels::testing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A function and its derivative in closed form, and where to draw arguments from.
struct Function {
  const char* name;
  Unary unary;
  std::function<double(double)> value;
  std::function<double(double)> derivative;
  double low = -4, high = 4;
};

double phi(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
double density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); }

double sign(double x) { return static_cast<double>(x > 0) - static_cast<double>(x < 0); }

const std::vector<Function>& functions() {
  static const std::vector<Function> all = {
      {"neg", Unary::neg, [](double x) { return -x; }, [](double) { return -1.0; }},
      {"abs", Unary::abs, [](double x) { return std::abs(x); }, sign},
      {"sign", Unary::sign, sign, [](double) { return 0.0; }},
      {"step", Unary::step, [](double x) { return x > 0 ? 1.0 : 0.0; }, [](double) { return 0.0; }},
      {"square", Unary::square, [](double x) { return x * x; }, [](double x) { return 2 * x; }},
      {"sqrt", Unary::sqrt, [](double x) { return std::sqrt(x); },
       [](double x) { return 0.5 / std::sqrt(x); }, 0.01, 9},
      {"rsqrt", Unary::rsqrt, [](double x) { return 1 / std::sqrt(x); },
       [](double x) { return -0.5 * std::pow(x, -1.5); }, 0.1, 9},
      {"reciprocal", Unary::reciprocal, [](double x) { return 1 / x; },
       [](double x) { return -1 / (x * x); }, 0.2, 9},
      {"exp", Unary::exp, [](double x) { return std::exp(x); },
       [](double x) { return std::exp(x); }},
      {"log", Unary::log, [](double x) { return std::log(x); }, [](double x) { return 1 / x; },
       0.01, 9},
      {"erf", Unary::erf, [](double x) { return std::erf(x); },
       [](double x) { return 2 / std::sqrt(std::numbers::pi) * std::exp(-x * x); }},
      {"tanh", Unary::tanh, [](double x) { return std::tanh(x); },
       [](double x) { return 1 / (std::cosh(x) * std::cosh(x)); }},
      {"sigmoid", Unary::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); },
       [](double x) { return 1 / ((1 + std::exp(-x)) * (1 + std::exp(x))); }},
      {"relu", Unary::relu, [](double x) { return x > 0 ? x : 0.0; },
       [](double x) { return x > 0 ? 1.0 : 0.0; }},
      {"gelu", Unary::gelu, [](double x) { return x * phi(x); },
       [](double x) { return phi(x) + x * density(x); }},
  };
  return all;
}

const Function& function_of(Unary unary) {
  for (const Function& function : functions())
    if (function.unary == unary) return function;
  throw Error("no oracle");
}

class ElementwiseTest : public KernelTest {
 protected:
  Tensor apply(Unary f, const Tensor& x) {
    Tensor y = poisoned(x.shape());
    backend().unary(f, x, y);
    return y;
  }
  /// Distance between value and oracle in units of the type at the oracle's own size.
  double units_off(Unary f, double argument) {
    const Tensor x = upload({argument});
    const double expected = function_of(f).value(host(x)[0]), found = host(apply(f, x))[0];
    if (expected == found) return 0;
    return std::abs(found - expected) / (std::abs(expected) * unit(dtype()));
  }
};
POLDER_ACTIVATION_SUITE(ElementwiseTest);

TEST_P(ElementwiseTest, UnaryMatchesItsFormula) {
  for (const Function& function : functions())
    for (const std::int64_t n : kLengths) {
      SCOPED_TRACE(function.name);
      const Tensor x = uniforms({n}, function.low, function.high);
      Values expected = host(x);
      for (double& value : expected) value = function.value(value);
      expect_close(apply(function.unary, x), expected);
    }
}

TEST_P(ElementwiseTest, UnaryInPlaceGivesTheSameBits) {
  for (const Function& function : functions()) {
    SCOPED_TRACE(function.name);
    Tensor x = uniforms({1001}, function.low, function.high);
    const Tensor expected = apply(function.unary, x);
    backend().unary(function.unary, x, x);
    EXPECT_TRUE(same_bits(x, expected));
  }
}

TEST_P(ElementwiseTest, UnaryDoesNotDependOnThePosition) {
  for (const Function& function : functions()) {
    SCOPED_TRACE(function.name);
    const Tensor x = uniforms({1003}, function.low, function.high);
    const Tensor whole = apply(function.unary, x);
    EXPECT_TRUE(same_bits(apply(function.unary, x.slice(5, 1000)), whole.slice(5, 1000)));
    EXPECT_TRUE(same_bits(apply(function.unary, x.slice(1002, 1003)), whole.slice(1002, 1003)));
  }
}

TEST_P(ElementwiseTest, UnaryBackwardMatchesTheDerivative) {
  for (const Function& function : functions())
    for (const std::int64_t n : kLengths) {
      SCOPED_TRACE(function.name);
      const Tensor x = uniforms({n}, function.low, function.high), dy = normals({n});
      const Tensor y = apply(function.unary, x);
      Tensor dx = poisoned({n});
      backend().unary_backward(function.unary, x, y, dy, dx);
      Values expected = host(x), sizes = host(dy);
      // The derivative is a function of y. A narrow y was rounded by half a unit of itself: that is
      // as much of dx as y's power, or of dy where the derivative cancels (1 - y^2).
      const double rounding_of_y = unit(dtype()) / unit(accumulation_type(dtype()));
      for (std::size_t i = 0; i < expected.size(); ++i) {
        expected[i] = function.derivative(expected[i]) * sizes[i];
        sizes[i] = (std::abs(expected[i]) + std::abs(sizes[i])) / 2;
        sizes[i] = rounding_of_y > 1 ? rounding_of_y * sizes[i] : std::min(sizes[i], 4.0);
      }
      expect_close_sized(dx, expected, sizes);
      Tensor in_place = dy.clone();
      backend().unary_backward(function.unary, x, y, in_place, in_place);
      EXPECT_TRUE(same_bits(in_place, dx));
    }
}

TEST_P(ElementwiseTest, SmallArgumentsKeepTheirRelativeAccuracy) {
  for (const Unary f : {Unary::tanh, Unary::erf, Unary::gelu, Unary::sigmoid, Unary::exp})
    for (double size = 1e-30; size < 1; size *= 3)
      for (const double x : {size, -size})
        EXPECT_LE(units_off(f, x), 4) << function_of(f).name << " at " << x;
}

TEST_P(ElementwiseTest, LargeArgumentsSaturate) {
  EXPECT_EQ(host(apply(Unary::tanh, upload({50, -50, 1e30, -1e30}))), (Values{1, -1, 1, -1}));
  EXPECT_EQ(host(apply(Unary::erf, upload({50, -50, 1e30, -1e30}))), (Values{1, -1, 1, -1}));
  EXPECT_EQ(host(apply(Unary::sigmoid, upload({1000, -1000}))), (Values{1, 0}));
  EXPECT_EQ(host(apply(Unary::exp, upload({-1000, 1000}))), (Values{0, kInfinity}));
  EXPECT_EQ(host(apply(Unary::gelu, upload({1000, -1000}))), (Values{1000, 0}));
  for (double x = 1; x < 80; x *= 1.07) {
    EXPECT_LE(units_off(Unary::exp, x), 4) << x;
    EXPECT_LE(units_off(Unary::exp, -x), 4) << -x;
    EXPECT_LE(units_off(Unary::sigmoid, -x), 8) << -x;
    EXPECT_LE(units_off(Unary::log, std::exp(x)), 4) << x;
    EXPECT_LE(units_off(Unary::log, std::exp(-x)), 4) << -x;
  }
}

TEST_P(ElementwiseTest, GeluKeepsItsTailForNegativeArguments) {
  // exp(-x^2 / 2) multiplies the rounding of its argument by its size.
  for (double x = 1; x < 9; x += 0.37) EXPECT_LE(units_off(Unary::gelu, -x), 8 + 2 * x * x) << -x;
}

TEST_P(ElementwiseTest, LogOfZeroAndOfNegativeNumbers) {
  const Values values = host(apply(Unary::log, upload({0.0, -1.0, kInfinity, 1.0})));
  EXPECT_EQ(values[0], -kInfinity);
  EXPECT_TRUE(std::isnan(values[1]));
  EXPECT_EQ(values[2], kInfinity);
  EXPECT_EQ(values[3], 0.0);
}

TEST_P(ElementwiseTest, NotANumberPassesThroughEveryFunctionButStep) {
  for (const Function& function : functions()) {
    if (function.unary == Unary::step) continue;
    EXPECT_TRUE(std::isnan(host(apply(function.unary, upload({std::nan("")})))[0]))
        << function.name;
  }
}

TEST_P(ElementwiseTest, KinksAtZero) {
  const Tensor zero = upload({0.0, -0.0}), dy = upload({3.0, 3.0});
  EXPECT_EQ(host(apply(Unary::sign, zero)), (Values{0, 0}));
  EXPECT_EQ(host(apply(Unary::step, zero)), (Values{0, 0}));
  for (const Unary f : {Unary::abs, Unary::relu}) {
    Tensor dx = poisoned({2});
    backend().unary_backward(f, zero, zero, dy, dx);
    EXPECT_EQ(host(dx), (Values{0, 0}));
  }
}

const std::map<Binary, std::function<double(double, double)>>& binaries() {
  static const std::map<Binary, std::function<double(double, double)>> all = {
      {Binary::add, std::plus<>()},
      {Binary::sub, std::minus<>()},
      {Binary::mul, std::multiplies<>()},
      {Binary::div, std::divides<>()},
      {Binary::max, [](double a, double b) { return std::max(a, b); }},
      {Binary::min, [](double a, double b) { return std::min(a, b); }}};
  return all;
}

TEST_P(ElementwiseTest, BinaryOfEqualShapes) {
  for (const auto& [op, formula] : binaries())
    for (const std::int64_t n : kLengths) {
      Tensor a = normals({n});
      const Tensor b = uniforms({n}, 0.5, 2);
      Values expected = host(a);
      const Values right = host(b);
      for (std::size_t i = 0; i < right.size(); ++i) expected[i] = formula(expected[i], right[i]);
      Tensor y = poisoned({n});
      backend().binary(op, a, b, Broadcast::none, y);
      expect_close(y, expected);
      backend().binary(op, a, b, Broadcast::none, a);
      EXPECT_TRUE(same_bits(a, y));
    }
}

TEST_P(ElementwiseTest, BinaryBroadcastsByName) {
  const std::vector<std::pair<std::int64_t, std::int64_t>> sizes = {
      {0, 3}, {3, 1}, {1, 7}, {13, 1}, {5, 33}, {700, 61}, {3, 40000}};
  for (const auto& [op, formula] : binaries())
    for (const auto& [outer, inner] : sizes)
      for (const Broadcast broadcast : {Broadcast::trailing, Broadcast::leading}) {
        SCOPED_TRACE(to_string(Shape{outer, inner}));
        Tensor a = normals({outer, inner});
        const bool trailing = broadcast == Broadcast::trailing;
        const Tensor b = uniforms({trailing ? inner : outer}, 0.5, 2);
        Values expected = host(a);
        const Values right = host(b);
        for (std::size_t i = 0; i < expected.size(); ++i) {
          const std::size_t width = static_cast<std::size_t>(inner);
          expected[i] = formula(expected[i], right[trailing ? i % width : i / width]);
        }
        Tensor y = poisoned({outer, inner});
        backend().binary(op, a, b, broadcast, y);
        expect_close(y, expected);
        backend().binary(op, a, b, broadcast, a);
        EXPECT_TRUE(same_bits(a, y));
      }
}

TEST_P(ElementwiseTest, TheLargerAndTheSmallerPassNotANumberOn) {
  const double nan = std::nan("");
  const Tensor a = upload({nan, 1, nan, 2}), b = upload({1, nan, nan, 3});
  for (const Binary op : {Binary::max, Binary::min}) {
    Tensor y = poisoned({4});
    backend().binary(op, a, b, Broadcast::none, y);
    const Values found = host(y);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(std::isnan(found[i])) << i;
    EXPECT_EQ(found[3], op == Binary::max ? 3 : 2);
  }
}

TEST_P(ElementwiseTest, BinaryWithAScalarTensor) {
  const Tensor a = normals({3, 11}), b = upload({2.0}, {});
  Tensor y = poisoned({3, 11});
  backend().binary(Binary::mul, a, b, Broadcast::trailing, y);
  Values expected = host(a);
  for (double& value : expected) value *= 2;
  expect_close(y, expected);
}

TEST_P(ElementwiseTest, AffineAndItsKin) {
  for (const std::int64_t n : kLengths) {
    Tensor x = normals({n});
    const Tensor old = normals({n});
    const Values in = host(x), before = host(old);
    Values affine = in, sum = in, scaled = in;
    for (std::size_t i = 0; i < in.size(); ++i) {
      affine[i] = -1.5 * in[i] + 0.25;
      sum[i] = 3.0 * in[i] - 0.5 * before[i];
      scaled[i] = 3.0 * in[i];
    }
    Tensor y = poisoned({n});
    backend().affine(x, -1.5, 0.25, y);
    expect_close(y, affine);
    Tensor accumulated = old.clone();
    backend().axpby(3.0, x, -0.5, accumulated);
    expect_close(accumulated, sum, {.terms = 2, .size = 4});
    Tensor fresh = poisoned({n});  // beta = 0: the poison must not be read
    backend().axpby(3.0, x, 0.0, fresh);
    expect_close(fresh, scaled);
    backend().affine(x, -1.5, 0.25, x);
    EXPECT_TRUE(same_bits(x, y));
  }
}

TEST_P(ElementwiseTest, ScaledAddTakesItsFactorsFromTheDevice) {
  for (const std::int64_t n : kLengths) {
    const Tensor x = normals({n}), old = normals({n});
    Values expected = host(old);
    const Values in = host(x);
    for (std::size_t i = 0; i < in.size(); ++i) expected[i] = 3.0 * in[i] - 0.5 * expected[i];
    Tensor y = old.clone();
    backend().scaled_add(scalar(3.0), x, scalar(-0.5), y);
    expect_close(y, expected, {.terms = 2, .size = 4});
  }
}

TEST_P(ElementwiseTest, ScaledAddIsExactWithNeutralFactors) {
  for (const std::int64_t n : kLengths) {
    const Tensor x = normals({n}), old = normals({n}), poison = poisoned({n});
    Tensor copy = poisoned({n}), kept = old.clone(), nothing = poisoned({n});
    backend().scaled_add(scalar(1.0), x, scalar(0.0), copy);  // the poison must not be read
    EXPECT_TRUE(same_bits(copy, x));
    backend().scaled_add(scalar(0.0), poison, scalar(1.0), kept);
    EXPECT_TRUE(same_bits(kept, old));
    backend().scaled_add(scalar(0.0), poison, scalar(0.0), nothing);
    EXPECT_EQ(host(nothing), Values(static_cast<std::size_t>(n), 0.0));
  }
}

}  // namespace
}  // namespace polder::kernels::testing
