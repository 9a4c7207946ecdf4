#pragma once

#include <gmock/gmock.h>

#include <random>
#include <string>
#include <vector>

#include "kernels/tolerance.h"
#include "polder/kernels/backend.h"
#include "test_support.h"

// What the tests of the kernels share. Every test runs for each device present and each element
// type; oracles work on float64 copies of what the device was given.
namespace polder::kernels::testing {

using Values = std::vector<double>;
using Indices = std::vector<std::int64_t>;

/// Seed of this run: POLDER_TEST_SEED, or a fresh one.
std::uint64_t run_seed();

struct Setting {
  Device device;
  DType dtype;
};

/// Every device present with float32 and float64; for functions of activations bfloat16 too.
std::vector<Setting> settings();
std::vector<Setting> activation_settings();
std::string name_of(const ::testing::TestParamInfo<Setting>& info);

/// Values of a tensor of any type as float64.
Values host(const Tensor& tensor);
bool same_bits(const Tensor& a, const Tensor& b);
/// float32 values rounded to bfloat16 one by one on the host.
Tensor rounded(const Tensor& x);
/// A copy that starts `start` elements after the beginning of memory of its own.
Tensor copy_at(std::int64_t start, const Tensor& x);

/// Every element of `found` lies within rounding error of the oracle; NaN and infinities agree.
void expect_close(const Tensor& found, const Values& expected, Rounding rounding = {});
/// The same where every element was formed from numbers of its own size.
void expect_close_sized(const Tensor& found, const Values& expected, const Values& sizes);

class KernelTest : public ::testing::TestWithParam<Setting> {
 protected:
  Device device() const { return GetParam().device; }
  DType dtype() const { return GetParam().dtype; }
  Backend& backend() const { return backend_of(device()); }

  /// Host values, rounded to the element type, on the device.
  Tensor upload(const Values& values, const Shape& shape) const;
  Tensor upload(const Values& values) const;
  /// The same in the type that parameters and losses have beside such activations.
  Tensor upload_wide(const Values& values) const;
  Tensor upload_indices(const Indices& values, const Shape& shape) const;
  Tensor upload_indices(const Indices& values) const;
  /// 0-d float64: what steers a step.
  Tensor scalar(double value) const { return Tensor::scalar(value, device()); }

  /// Independent standard normal numbers, and uniform ones.
  Tensor normals(const Shape& shape);
  Tensor wide_normals(const Shape& shape);
  Tensor uniforms(const Shape& shape, double low, double high);
  Indices draw_indices(std::int64_t count, std::int64_t bound);

  /// An output full of NaN (or of a wrong index): what a kernel forgets to write shows.
  Tensor poisoned(const Shape& shape) const;
  Tensor wide_poisoned(const Shape& shape) const;
  Tensor poisoned_indices(const Shape& shape) const;
  Tensor poisoned_scalar() const;

 private:
  std::uint64_t seed_ = run_seed();
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, "POLDER_TEST_SEED=" + std::to_string(seed_)};
  std::mt19937_64 generator_{seed_};
};

/// Lengths at, below and above the units in which kernels work.
inline const std::vector<std::int64_t> kLengths = {0, 1, 31, 32, 33, 1000, 16384, 40000};
/// The same for the kernels over all weights, with one that spans many pieces.
inline const std::vector<std::int64_t> kFlatLengths = {0, 1, 31, 32, 33, 1000, (1 << 17) + 1};

}  // namespace polder::kernels::testing

/// Runs a fixture derived from KernelTest for every setting.
#define POLDER_KERNEL_SUITE(Fixture)                                                    \
  INSTANTIATE_TEST_SUITE_P(Devices, Fixture,                                            \
                           ::testing::ValuesIn(::polder::kernels::testing::settings()), \
                           ::polder::kernels::testing::name_of)
#define POLDER_ACTIVATION_SUITE(Fixture)                                                           \
  INSTANTIATE_TEST_SUITE_P(Devices, Fixture,                                                       \
                           ::testing::ValuesIn(::polder::kernels::testing::activation_settings()), \
                           ::polder::kernels::testing::name_of)
