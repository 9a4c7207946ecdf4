#include "kernels/kernel_test.h"

#include <cstdlib>
#include <cstring>

#include "polder/core/allocator.h"

namespace polder::kernels::testing {
namespace {

template <class T>
Values as_double(const Tensor& tensor) {
  const std::vector<T> values = tensor.to_vector<T>();
  Values result;
  for (const T value : values) result.push_back(static_cast<double>(value));
  return result;
}

Tensor as_type(DType dtype, const Values& values, const Shape& shape, Device device) {
  if (dtype == DType::float64) return Tensor::from(values, shape, device);
  if (dtype == DType::float32)
    return Tensor::from(std::vector<float>(values.begin(), values.end()), shape, device);
  std::vector<bfloat16> rounded;
  for (const double value : values) rounded.emplace_back(value);
  return Tensor::from(rounded, shape, device);
}

bool agrees(double found, double expected, double allowed) {
  if (std::isnan(expected)) return std::isnan(found);
  if (std::isinf(expected)) return found == expected;
  return std::abs(found - expected) <= allowed;
}

/// rounding_of(i): where the error of element i comes from.
template <class F>
void expect_close_each(const Tensor& found, const Values& expected, const F& rounding_of) {
  const Values values = host(found);
  ASSERT_EQ(values.size(), expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double allowed = tolerance(found.dtype(), expected[i], rounding_of(i));
    ASSERT_PRED3(agrees, values[i], expected[i], allowed)
        << "element " << i << " of shape " << to_string(found.shape()) << ", off by "
        << values[i] - expected[i];
  }
}

}  // namespace

std::uint64_t run_seed() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("POLDER_TEST_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  }();
  return seed;
}

std::vector<Setting> settings() {
  std::vector<Setting> all;
  for (const Device device : available_devices())
    for (const DType dtype : {DType::float32, DType::float64}) all.push_back({device, dtype});
  return all;
}

std::vector<Setting> activation_settings() {
  std::vector<Setting> all = settings();
  for (const Device device : available_devices()) all.push_back({device, DType::bfloat16});
  return all;
}

std::string name_of(const ::testing::TestParamInfo<Setting>& info) {
  std::string name = to_string(info.param.device) + "_" + std::string(to_string(info.param.dtype));
  std::erase(name, ':');
  return name;
}

Values host(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::float32:
      return as_double<float>(tensor);
    case DType::float64:
      return as_double<double>(tensor);
    case DType::int64:
      return as_double<std::int64_t>(tensor);
    case DType::bfloat16: {
      Values result;
      for (const bfloat16 value : tensor.to_vector<bfloat16>())
        result.push_back(static_cast<double>(static_cast<float>(value)));
      return result;
    }
  }
  return {};
}

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  const auto words = [](const Tensor& tensor) {
    std::vector<char> bytes(tensor.bytes());
    allocator_of(tensor.device()).copy_to_host(bytes.data(), tensor.raw(), bytes.size());
    return bytes;
  };
  return words(a) == words(b);
}

Tensor rounded(const Tensor& x) { return as_type(DType::bfloat16, host(x), x.shape(), x.device()); }

Tensor copy_at(std::int64_t start, const Tensor& x) {
  const Tensor room = Tensor::empty({start + x.numel()}, x.dtype(), x.device());
  const Tensor copy = room.view(start, x.shape());
  copy.copy_from(x);
  return copy;
}

void expect_close(const Tensor& found, const Values& expected, Rounding rounding) {
  expect_close_each(found, expected, [=](std::size_t) { return rounding; });
}

void expect_close_sized(const Tensor& found, const Values& expected, const Values& sizes) {
  ASSERT_EQ(sizes.size(), expected.size());
  expect_close_each(found, expected, [&](std::size_t i) { return Rounding{.size = sizes[i]}; });
}

Tensor KernelTest::upload(const Values& values, const Shape& shape) const {
  return as_type(dtype(), values, shape, device());
}

Tensor KernelTest::upload_wide(const Values& values) const {
  return as_type(accumulation_type(dtype()), values, {static_cast<std::int64_t>(values.size())},
                 device());
}

Tensor KernelTest::upload(const Values& values) const {
  return upload(values, {static_cast<std::int64_t>(values.size())});
}

Tensor KernelTest::upload_indices(const Indices& values, const Shape& shape) const {
  return Tensor::from(values, shape, device());
}

Tensor KernelTest::upload_indices(const Indices& values) const {
  return upload_indices(values, {static_cast<std::int64_t>(values.size())});
}

Tensor KernelTest::normals(const Shape& shape) {
  std::normal_distribution<double> law;
  Values values(static_cast<std::size_t>(shape.numel()));
  for (double& value : values) value = law(generator_);
  return upload(values, shape);
}

Tensor KernelTest::wide_normals(const Shape& shape) {
  return upload_wide(host(normals(shape))).reshape(shape);
}

Tensor KernelTest::uniforms(const Shape& shape, double low, double high) {
  std::uniform_real_distribution<double> law(low, high);
  Values values(static_cast<std::size_t>(shape.numel()));
  for (double& value : values) value = law(generator_);
  return upload(values, shape);
}

Indices KernelTest::draw_indices(std::int64_t count, std::int64_t bound) {
  std::uniform_int_distribution<std::int64_t> law(0, bound - 1);
  Indices indices(static_cast<std::size_t>(count));
  for (std::int64_t& index : indices) index = law(generator_);
  return indices;
}

Tensor KernelTest::poisoned(const Shape& shape) const {
  return upload(Values(static_cast<std::size_t>(shape.numel()), std::nan("")), shape);
}

Tensor KernelTest::wide_poisoned(const Shape& shape) const {
  return upload_wide(Values(static_cast<std::size_t>(shape.numel()), std::nan(""))).reshape(shape);
}

Tensor KernelTest::poisoned_indices(const Shape& shape) const {
  return upload_indices(Indices(static_cast<std::size_t>(shape.numel()), -77), shape);
}

Tensor KernelTest::poisoned_scalar() const { return scalar(std::nan("")); }

}  // namespace polder::kernels::testing
