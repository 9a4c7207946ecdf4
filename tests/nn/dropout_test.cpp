#include "polder/nn/dropout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "polder/nn/sequential.h"
#include "support.h"

namespace polder::nn {
namespace {

const Build kBuild{.dtype = DType::float64};

class DropoutTest : public testing::Test {
 protected:
  DropoutTest() {
    net_.add<Dropout>("drop1", 0.25);
    net_.add<Dropout>("drop2", 0.25);
  }
  std::vector<double> run(const Tensor& x, Pass pass) {
    return net_.forward(Variable(x), pass).value().to_vector<double>();
  }

  Sequential net_{kBuild};
  RandomKey step_ = random_key(9, "masks", 4);
  Tensor x_ = normal_tensor({50, 3, 7}, "x");
};

TEST_F(DropoutTest, TheSamePassKeyReplaysTheMasks) {
  const auto once = run(x_, {.masks = step_});
  EXPECT_EQ(run(x_, {.masks = step_}), once);
  EXPECT_NE(run(x_, {.masks = step_.at(5)}), once);
}

TEST_F(DropoutTest, ASubsetOfRowsMeetsTheSameMasks) {
  const auto whole = run(x_, {.masks = step_});
  const auto ids = Tensor::from<std::int64_t>({7, 41, 3}, {3});
  std::vector<double> rows, wanted;
  for (const std::int64_t id : {7, 41, 3}) {
    const auto row = x_.slice(id, id + 1).to_vector<double>();
    rows.insert(rows.end(), row.begin(), row.end());
    wanted.insert(wanted.end(), whole.begin() + id * 21, whole.begin() + (id + 1) * 21);
  }
  EXPECT_EQ(run(Tensor::from(rows, {3, 3, 7}), {.masks = step_, .row_ids = ids}), wanted);
}

TEST_F(DropoutTest, LayersDropIndependentlyAndKeptValuesAreScaled) {
  const auto x = x_.to_vector<double>();
  const auto y = run(x_, {.masks = step_});
  const auto kept = std::ranges::count_if(y, [](double v) { return v != 0.0; });
  // 1050 values kept with probability 0.75^2 each, or 0.75 if both layers drew the same mask.
  EXPECT_NEAR(static_cast<double>(kept) / 1050.0, 0.5625, 0.06);
  for (std::size_t i = 0; i < x.size(); ++i)
    EXPECT_NEAR(y[i], y[i] == 0.0 ? 0.0 : x[i] / 0.5625, 1e-12);
}

TEST_F(DropoutTest, IsTheIdentityOutsideTraining) {
  const auto x = x_.to_vector<double>();
  EXPECT_EQ(run(x_, {.training = false, .masks = step_}), x);
  EXPECT_EQ(run(x_, {.dropout = false, .masks = step_}), x);
}

TEST_F(DropoutTest, RefusesRatesThatAreNoProbability) {
  EXPECT_EQ(error_of([] { Dropout layer(kBuild.in("drop"), 1.0); }),
            "Dropout drop: rate 1, wanted 0 <= rate < 1");
  EXPECT_EQ(error_of([] { Dropout layer(kBuild, -0.5); }),
            "Dropout: rate -0.5, wanted 0 <= rate < 1");
}

}  // namespace
}  // namespace polder::nn
