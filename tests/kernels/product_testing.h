#pragma once

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "polder/core/allocator.h"
#include "polder/kernels/backend.h"

// What the tests of products share: fresh inputs, poisoned outputs, an error bound for long sums.
namespace polder::kernels::testing {

template <class T>
Tensor random_tensor(const Shape& shape, std::mt19937_64& generator) {
  std::vector<T> values(static_cast<std::size_t>(shape.numel()));
  std::normal_distribution<double> normal;
  for (T& value : values) value = static_cast<T>(normal(generator));
  return Tensor::from(values, shape);
}

/// Full of NaN: what a kernel forgets to write shows.
template <class T>
Tensor poisoned(const Shape& shape) {
  const std::vector<T> values(static_cast<std::size_t>(shape.numel()),
                              std::numeric_limits<T>::quiet_NaN());
  return Tensor::from(values, shape);
}

/// Expected sums: the value, the sum of the absolute terms, and their number.
struct ExpectedSums {
  explicit ExpectedSums(std::int64_t count)
      : value(static_cast<std::size_t>(count)), magnitude(value), terms(value) {}
  void add(std::int64_t index, double term) {
    const auto i = static_cast<std::size_t>(index);
    value[i] += term;
    magnitude[i] += std::abs(term);
    terms[i] += 1.0;
  }
  std::vector<double> value, magnitude, terms;
};

/// Every element of `found` lies within rounding error of its sum: the error of n random roundings
/// grows like sqrt(n) units of the terms' magnitude.
template <class T>
void expect_sums(const Tensor& found, const ExpectedSums& expected) {
  const std::vector<T> values = found.to_vector<T>();
  ASSERT_EQ(values.size(), expected.value.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double unit = std::numeric_limits<T>::epsilon() * expected.magnitude[i];
    ASSERT_NEAR(values[i], expected.value[i], unit * (2.0 + std::sqrt(expected.terms[i])))
        << "element " << i << " of " << values.size();
  }
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

/// f() with 1, 2 and 3 threads gives the same bits.
template <class F>
void expect_same_bits_for_any_thread_count(F&& f) {
  const int before = thread_count();
  set_thread_count(1);
  const Tensor alone = f();
  for (const int count : {2, 3}) {
    set_thread_count(count);
    EXPECT_TRUE(same_bits(alone, f())) << count << " threads";
  }
  set_thread_count(before);
}

}  // namespace polder::kernels::testing
