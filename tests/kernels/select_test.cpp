#include <algorithm>
#include <limits>
#include <numeric>

#include "kernels/kernel_test.h"
#include "polder/core/allocator.h"

namespace polder::kernels::testing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class SelectTest : public KernelTest {
 protected:
  Tensor largest(const Tensor& x, std::int64_t k) {
    Tensor index = poisoned_indices({k});
    backend().largest(x, k, index);
    return index;
  }
  Tensor marked(const Tensor& x, const Tensor& candidates, std::int64_t k) {
    Tensor mask = poisoned(x.shape());
    backend().mark_largest(x, candidates, k, mask);
    return mask;
  }
};
POLDER_KERNEL_SUITE(SelectTest);

/// Positions of the k largest among the candidates, by a full stable sort; ascending.
Indices sorted_choice(const Values& x, const Values& candidates, std::int64_t k) {
  Indices order;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (candidates[i] != 0) order.push_back(static_cast<std::int64_t>(i));
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    const double left = x[static_cast<std::size_t>(a)], right = x[static_cast<std::size_t>(b)];
    return std::isnan(right) ? !std::isnan(left) : left > right;
  });
  order.resize(std::min(order.size(), static_cast<std::size_t>(k)));
  std::sort(order.begin(), order.end());
  return order;
}

Values ones(std::int64_t n) { return Values(static_cast<std::size_t>(n), 1.0); }

Values mask_of(const Indices& chosen, std::int64_t n) {
  Values mask(static_cast<std::size_t>(n), 0.0);
  for (const std::int64_t i : chosen) mask[static_cast<std::size_t>(i)] = 1;
  return mask;
}

TEST_P(SelectTest, TheKLargestInTheirOwnOrder) {
  for (const std::int64_t n : kFlatLengths)
    for (const std::int64_t k : {std::int64_t{0}, n / 3, n - 1, n}) {
      if (k < 0 || k > n) continue;
      const Tensor x = normals({n});
      const Indices expected = sorted_choice(host(x), ones(n), k);
      EXPECT_EQ(largest(x, k).to_vector<std::int64_t>(), expected) << k << " of " << n;
    }
}

TEST_P(SelectTest, TiesGoToTheLowerPosition) {
  EXPECT_EQ(largest(upload({1, 3, 2, 3, 3, 0}), 2).to_vector<std::int64_t>(), (Indices{1, 3}));
  EXPECT_EQ(largest(upload({0.0, -0.0, 0.0}), 2).to_vector<std::int64_t>(), (Indices{0, 1}));
  const Indices few = draw_indices(40000, 5);  // many equal values
  const Tensor x = upload(Values(few.begin(), few.end()));
  for (const std::int64_t k : {1, 777, 20000, 39999})
    EXPECT_EQ(largest(x, k).to_vector<std::int64_t>(), sorted_choice(host(x), ones(40000), k));
}

TEST_P(SelectTest, NotANumberRanksLast) {
  const double nan = std::nan("");
  const Tensor x = upload({nan, -kInfinity, 5, nan, kInfinity});
  EXPECT_EQ(largest(x, 2).to_vector<std::int64_t>(), (Indices{2, 4}));
  EXPECT_EQ(largest(x, 3).to_vector<std::int64_t>(), (Indices{1, 2, 4}));
  EXPECT_EQ(largest(x, 4).to_vector<std::int64_t>(), (Indices{0, 1, 2, 4}));
  EXPECT_EQ(host(marked(x, upload({1, 1, 1, 1, 0}), 3)), (Values{1, 1, 1, 0, 0}));
}

TEST_P(SelectTest, MarksOnlyCandidates) {
  for (const std::int64_t n : kFlatLengths) {
    const Tensor x = normals({n});
    Values open = host(uniforms({n}, 0, 1));
    for (double& value : open) value = value < 0.6 ? 1 : 0;
    const auto count = static_cast<std::int64_t>(std::accumulate(open.begin(), open.end(), 0.0));
    for (const std::int64_t k : {std::int64_t{0}, count / 3, count, count + 5}) {
      const Values expected = mask_of(sorted_choice(host(x), open, k), n);
      EXPECT_EQ(host(marked(x, upload(open), k)), expected) << k << " of " << count;
      Tensor in_place = upload(open);
      backend().mark_largest(x, in_place, k, in_place);
      EXPECT_EQ(host(in_place), expected) << "in place";
    }
  }
}

TEST_P(SelectTest, MarksWithManyTies) {
  const Indices few = draw_indices(40000, 3);
  const Tensor x = upload(Values(few.begin(), few.end())), all = upload(ones(40000));
  for (const std::int64_t k : {1, 12345, 39999})
    EXPECT_EQ(host(marked(x, all, k)), mask_of(sorted_choice(host(x), ones(40000), k), 40000));
}

TEST(SelectOnTheCpu, NeedsNoMemoryOfItsOwn) {
  const Tensor x = Tensor::zeros({123457}), all = Tensor::zeros({123457});
  Tensor mask = Tensor::empty({123457});
  backend_of(kCpu).fill(1.0, mask);
  Allocator& memory = allocator_of(kCpu);
  memory.reset_peak();
  backend_of(kCpu).mark_largest(x, mask, 1000, mask);
  EXPECT_EQ(memory.stats().peak_bytes, memory.stats().bytes_in_use);
}

TEST_P(SelectTest, BranchesOnWhatTheDeviceKnows) {
  Tensor y = upload({0.0});
  const auto runs = [&](double decision) {
    backend().fill(0.0, y);
    backend().branch(scalar(decision), [&] { backend().fill(7.0, y); });
    return host(y)[0] == 7.0;
  };
  EXPECT_TRUE(runs(1.0));
  EXPECT_TRUE(runs(-0.5));
  EXPECT_TRUE(runs(std::nan("")));
  EXPECT_FALSE(runs(0.0));
  EXPECT_FALSE(runs(-0.0));
}

TEST_P(SelectTest, ABranchIsNoHostRead) {
  const Tensor decision = scalar(1.0);
  Tensor y = upload({0.0});
  const std::uint64_t before = host_reads();
  backend().branch(decision, [&] { backend().fill(7.0, y); });
  EXPECT_EQ(host_reads(), before);
}

}  // namespace
}  // namespace polder::kernels::testing
