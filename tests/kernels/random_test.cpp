#include "polder/core/random.h"

#include "kernels/kernel_test.h"

namespace polder::kernels::testing {
namespace {

class RandomTest : public KernelTest {};
POLDER_KERNEL_SUITE(RandomTest);

std::uint64_t index(std::size_t i) { return static_cast<std::uint64_t>(i); }

TEST_P(RandomTest, UniformIsTheStreamOfTheCore) {
  const RandomKey key = random_key(run_seed(), "kernel test");
  for (const std::int64_t n : kFlatLengths) {
    Tensor y = poisoned({n});
    backend().random_uniform(key, -2.0, 3.0, y);
    Values expected(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < expected.size(); ++i)
      expected[i] = -2.0 + 5.0 * uniform(key, index(i));
    expect_close(y, expected);
  }
}

TEST_P(RandomTest, NormalIsTheStreamOfTheCore) {
  const RandomKey key = random_key(run_seed(), "kernel test", 7);
  for (const std::int64_t n : kFlatLengths) {
    Tensor y = poisoned({n});
    backend().random_normal(key, 1.0, 0.5, y);
    Values expected(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < expected.size(); ++i)
      expected[i] = 1.0 + 0.5 * normal(key, index(i));
    expect_close(y, expected);
  }
}

class DropoutTest : public KernelTest {};
POLDER_ACTIVATION_SUITE(DropoutTest);

TEST_P(DropoutTest, KeepsWhatItsKeyAndRowIdsSay) {
  const RandomKey key = random_key(run_seed(), "mask");
  for (const Shape& shape :
       {Shape{0, 3}, Shape{1, 1}, Shape{5, 31}, Shape{9, 3, 11}, Shape{40, 1000}}) {
    SCOPED_TRACE(to_string(shape));
    const Tensor x = normals(shape);
    const Indices ids = draw_indices(shape[0], 1000);
    const Values in = host(x);
    const std::size_t inner = static_cast<std::size_t>(shape.trailing(shape.rank() - 1).numel());
    Values expected(in.size());
    for (std::size_t i = 0; i < in.size(); ++i) {
      const std::size_t element = static_cast<std::size_t>(ids[i / inner]) * inner + i % inner;
      expected[i] = uniform(key, index(element)) >= 0.3 ? in[i] / 0.7 : 0.0;
    }
    Tensor y = poisoned(shape);
    backend().dropout(x, 0.3, key, upload_indices(ids), y);
    expect_close(y, expected);
  }
}

TEST_P(DropoutTest, WithoutRowIdsCountsRows) {
  const RandomKey key = random_key(run_seed(), "mask");
  const Tensor x = normals({6, 35});
  Tensor counted = poisoned({6, 35}), named = poisoned({6, 35});
  backend().dropout(x, 0.5, key, {}, counted);
  backend().dropout(x, 0.5, key, upload_indices({0, 1, 2, 3, 4, 5}), named);
  EXPECT_TRUE(same_bits(counted, named));
}

TEST_P(DropoutTest, ASampleMeetsTheSameMaskInAnySubset) {
  const RandomKey key = random_key(run_seed(), "mask");
  const Tensor x = normals({10, 77});
  Tensor whole = poisoned({10, 77}), part = poisoned({4, 77});
  backend().dropout(x, 0.4, key, {}, whole);
  backend().dropout(x.slice(3, 7), 0.4, key, upload_indices({3, 4, 5, 6}), part);
  EXPECT_TRUE(same_bits(part, whole.slice(3, 7)));
}

TEST_P(DropoutTest, AtItsEnds) {
  const RandomKey key = random_key(run_seed(), "mask");
  const Tensor x = normals({4, 100});
  Tensor y = poisoned({4, 100});
  backend().dropout(x, 0.0, key, {}, y);
  EXPECT_TRUE(same_bits(x, y));
  backend().dropout(x, 1.0, key, {}, y);
  EXPECT_EQ(host(y), Values(400, 0.0));
}

}  // namespace
}  // namespace polder::kernels::testing
