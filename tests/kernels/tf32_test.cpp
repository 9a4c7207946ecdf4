#include "kernels/kernel_test.h"

namespace polder::kernels::testing {
namespace {

/// Allows TF32 while it lives.
class Tf32 {
 public:
  Tf32() { allow_tf32(true); }
  ~Tf32() { allow_tf32(false); }
  Tf32(const Tf32&) = delete;
  Tf32& operator=(const Tf32&) = delete;
};

/// Products and convolutions of 16 x 256 standard normal numbers, each result a sum of 256 terms.
class Tf32Test : public KernelTest {
 protected:
  static constexpr std::int64_t kTerms = 256;

  Tensor product(const Tensor& a, const Tensor& b) const {
    Tensor y = poisoned({a.size(0), b.size(0)});
    backend().matmul(a, false, b, true, y);
    return y;
  }
  Tensor convolution(const Tensor& a, const Tensor& b) const {
    Tensor y = poisoned({a.size(0), 1, 1, b.size(0)});
    backend().conv2d(a.reshape({a.size(0), 1, 1, kTerms}), b.reshape({b.size(0), 1, 1, kTerms}), {},
                     1, y);
    return y;
  }

  static Values expected(const Tensor& a, const Tensor& b) {
    const Values x = host(a), w = host(b);
    Values sums;
    for (std::size_t i = 0; i < x.size(); i += kTerms)
      for (std::size_t j = 0; j < w.size(); j += kTerms) {
        double sum = 0;
        for (std::size_t k = 0; k < kTerms; ++k) sum += x[i + k] * w[j + k];
        sums.push_back(sum);
      }
    return sums;
  }
};
POLDER_KERNEL_SUITE(Tf32Test);

TEST_P(Tf32Test, IsNotUsedUnlessAllowed) {
  EXPECT_FALSE(tf32_allowed());
  const Tensor a = normals({16, kTerms}), b = normals({24, kTerms});
  expect_close(product(a, b), expected(a, b), running_sum(kTerms));
  expect_close(convolution(a, b), expected(a, b), running_sum(kTerms));
}

// Factors keep 10 bits of fraction: a term loses at most 2^-10 of itself, and losses have any sign.
TEST_P(Tf32Test, LosesNoMoreThanItsFractionAllows) {
  const Tf32 allowed;
  EXPECT_TRUE(tf32_allowed());
  const Tensor a = normals({16, kTerms}), b = normals({24, kTerms});
  const Values sums = expected(a, b);
  const double most = dtype() == DType::float64 ? 1e-12 : 6 * std::sqrt(double{kTerms}) / (1 << 10);
  for (const Tensor& found : {product(a, b), convolution(a, b)}) {
    const Values values = host(found);
    ASSERT_EQ(values.size(), sums.size());
    for (std::size_t i = 0; i < sums.size(); ++i) ASSERT_NEAR(values[i], sums[i], most);
  }
}

}  // namespace
}  // namespace polder::kernels::testing
