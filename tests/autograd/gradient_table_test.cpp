#include <gtest/gtest.h>

#include <algorithm>

#include "autograd/gradient_table.h"
#include "polder/autograd/functions.h"

namespace polder::autograd::testing {
namespace {

constexpr double kTolerance = 1e-6;

/// Tensors here have a few elements: threads would only wait for each other.
class OneThread : public ::testing::Environment {
 public:
  void SetUp() override { kernels::set_thread_count(1); }
};
const auto* const kOneThread = ::testing::AddGlobalTestEnvironment(new OneThread);

class GradientTable : public ::testing::TestWithParam<Row> {};

TEST_P(GradientTable, FirstOrderEqualsCentralDifferences) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE(seed);
    EXPECT_LE(gradient_error(GetParam().f, GetParam().draw(seed), 1, seed), kTolerance);
  }
}

TEST_P(GradientTable, SecondOrderEqualsCentralDifferences) {
  for (const std::uint64_t seed : {1, 2}) {
    SCOPED_TRACE(seed);
    EXPECT_LE(gradient_error(GetParam().f, GetParam().draw(seed), 2, seed), kTolerance);
  }
}

TEST_P(GradientTable, RecordedGradientEqualsTheFusedOne) {
  for (const std::uint64_t seed : {4, 5, 6}) {
    SCOPED_TRACE(seed);
    EXPECT_LE(composite_error(GetParam().f, GetParam().draw(seed), seed), 1e-12);
  }
}

TEST_P(GradientTable, EachInputCanBeAskedForAlone) {
  EXPECT_EQ(separate_error(GetParam().f, GetParam().draw(7), 7), 0.0);
}

INSTANTIATE_TEST_SUITE_P(Rows, GradientTable, ::testing::ValuesIn(gradient_table()),
                         [](const auto& param) {
                           std::string name = param.param.name;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

/// Third order, where the second-order record itself must be complete.
void expect_third_order(const Function& f, const std::vector<Shape>& shapes,
                        Inputs kind = Inputs::plain) {
  const Row row{"third order", kind, shapes, f};
  EXPECT_LE(gradient_error(f, row.draw(11), 3, 11), kTolerance);
}

TEST(ThirdOrder, Tanh) {
  expect_third_order([](auto& x) { return tanh(x[0]); }, {{5}});
}

TEST(ThirdOrder, Gelu) {
  expect_third_order([](auto& x) { return gelu(x[0]); }, {{5}});
}

TEST(ThirdOrder, BatchNorm) {
  expect_third_order([](auto& x) { return batch_norm(x[0], x[1], x[2], 1e-2); },
                     {{4, 2}, {2}, {2}});
}

TEST(ThirdOrder, LayerNorm) {
  expect_third_order([](auto& x) { return layer_norm(x[0], x[1], x[2], 1e-2); },
                     {{2, 4}, {4}, {4}});
}

TEST(ThirdOrder, SquaredReluOfConvolution) {
  expect_third_order([](auto& x) { return square(relu(conv2d(x[0], x[1], 1, 1))); },
                     {{1, 3, 3, 2}, {2, 3, 3, 2}}, Inputs::positive);
}

TEST(ThirdOrder, CrossEntropyOfASoftLayer) {
  const Tensor labels = Tensor::from<std::int64_t>({2, 0, 1}, {3});
  expect_third_order(
      [&](auto& x) { return cross_entropy(tanh(linear(x[0], x[1], x[2])), labels, 0.1); },
      {{3, 4}, {3, 4}, {3}});
}

}  // namespace
}  // namespace polder::autograd::testing
