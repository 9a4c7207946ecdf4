#include <limits>

#include "kernels/kernel_test.h"

namespace polder::kernels::testing {
namespace {

class MemoryTest : public KernelTest {};
POLDER_KERNEL_SUITE(MemoryTest);

TEST_P(MemoryTest, FillWritesEveryElement) {
  for (const std::int64_t n : kLengths) {
    Tensor y = poisoned({n});
    backend().fill(-2.5, y);
    expect_close(y, Values(static_cast<std::size_t>(n), -2.5));
  }
}

TEST_P(MemoryTest, FillsIndicesAndHalfWordsToo) {
  Tensor indices = poisoned_indices({5});
  backend().fill(3.0, indices);
  EXPECT_EQ(host(indices), Values(5, 3.0));
  Tensor halves = Tensor::empty({5}, DType::bfloat16, device());
  backend().fill(1.0 + 1.0 / 256, halves);
  EXPECT_EQ(host(halves), Values(5, 1.0));  // a tie between 1 and 1 + 1/128, rounded to even
}

TEST_P(MemoryTest, CastKeepsWhatTheTargetCanHold) {
  for (const std::int64_t n : kLengths) {
    const Tensor x = normals({n});
    for (const DType target : {DType::float32, DType::float64}) {
      Tensor y = Tensor::empty({n}, target, device());
      backend().fill(std::nan(""), y);
      backend().cast(x, y);
      Values expected = host(x);
      if (target == DType::float32)
        for (double& value : expected) value = static_cast<float>(value);
      EXPECT_EQ(host(y), expected);
    }
  }
}

TEST_P(MemoryTest, CastToHalfWordsRoundsToNearestEven) {
  const double next = 1.0 / 128;  // distance from 1 to the next bfloat16
  const Tensor x = upload({1 + next / 2, 1 + 3 * next / 2, 1 + next * 0.51, -(1 + next * 0.49),
                           std::numeric_limits<double>::infinity(), 3e38});
  Tensor y = Tensor::empty({6}, DType::bfloat16, device());
  backend().cast(x, y);
  EXPECT_EQ(host(y), (Values{1, 1 + 2 * next, 1 + next, -1, std::numeric_limits<double>::infinity(),
                             0x1.c4p127}));
  Tensor back = poisoned({6});
  backend().cast(y, back);
  EXPECT_EQ(host(back), host(y));
}

TEST_P(MemoryTest, CastBetweenLabelsAndNumbers) {
  const Tensor labels = upload_indices({-3, 0, 7, 123456});
  Tensor numbers = poisoned({4});
  backend().cast(labels, numbers);
  EXPECT_EQ(host(numbers), (Values{-3, 0, 7, 123456}));
  Tensor back = poisoned_indices({4});
  backend().cast(upload({-3.75, 0.5, 7.0, 9.99}), back);
  EXPECT_EQ(host(back), (Values{-3, 0, 7, 9}));
}

}  // namespace
}  // namespace polder::kernels::testing
