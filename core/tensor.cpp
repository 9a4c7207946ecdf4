#include "polder/core/tensor.h"

#include <atomic>
#include <cstring>

#include "polder/core/allocator.h"

namespace polder {
namespace {

std::atomic<std::uint64_t> host_read_count{0};

}  // namespace

std::uint64_t host_reads() { return host_read_count.load(); }

Tensor Tensor::empty(const Shape& shape, DType dtype, Device device) {
  Tensor tensor;
  tensor.shape_ = shape;
  tensor.dtype_ = dtype;
  const auto bytes = static_cast<std::size_t>(shape.numel()) * size_of(dtype);
  tensor.buffer_ = std::make_shared<Buffer>(device, bytes);
  return tensor;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, Device device) {
  Tensor tensor = empty(shape, dtype, device);
  allocator_of(device).zero(tensor.raw(), tensor.bytes());
  return tensor;
}

template <class T>
Tensor Tensor::from(std::span<const T> values, const Shape& shape, Device device) {
  Tensor tensor = empty(shape, dtype_of<T>, device);
  tensor.write(values);
  return tensor;
}

Device Tensor::device() const {
  require(defined(), "Tensor::device: undefined tensor");
  return buffer_->device();
}

Tensor Tensor::reshape(const Shape& shape) const {
  require(shape.numel() == numel(), "reshape: {} has {} elements, {} wants {}", shape_, numel(),
          shape, shape.numel());
  Tensor result = *this;
  result.shape_ = shape;
  return result;
}

Tensor Tensor::slice(std::int64_t begin, std::int64_t end) const {
  require(rank() > 0 && begin >= 0 && begin <= end && end <= size(0), "slice: rows {} to {} of {}",
          begin, end, shape_);
  const std::int64_t row = shape_.without(0).numel();
  return view(begin * row, shape_.with(0, end - begin));
}

Tensor Tensor::view(std::int64_t begin, const Shape& shape) const {
  require(begin >= 0 && begin + shape.numel() <= numel(), "view: elements {} to {} of {}", begin,
          begin + shape.numel(), shape_);
  Tensor result = *this;
  result.offset_ += static_cast<std::size_t>(begin) * size_of(dtype_);
  result.shape_ = shape;
  return result;
}

Tensor Tensor::clone() const {
  Tensor copy = empty(shape_, dtype_, device());
  copy.copy_from(*this);
  return copy;
}

void Tensor::copy_from(const Tensor& source) const {
  require(shape_ == source.shape_ && dtype_ == source.dtype_ && device() == source.device(),
          "copy_from: {} {} on {} into {} {} on {}", source.dtype_, source.shape_, source.device(),
          dtype_, shape_, device());
  allocator_of(device()).copy_within(raw(), source.raw(), bytes());
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  ++host_read_count;
  std::vector<T> values(static_cast<std::size_t>(numel()));
  const T* source = data<T>();
  allocator_of(device()).copy_to_host(values.data(), source, bytes());
  return values;
}

double Tensor::item() const {
  require(defined(), "item: undefined tensor");
  require(numel() == 1, "item: tensor {} is not one element", shape_);
  switch (dtype_) {
    case DType::float32:
      return to_vector<float>()[0];
    case DType::float64:
      return to_vector<double>()[0];
    case DType::bfloat16:
      return static_cast<float>(to_vector<bfloat16>()[0]);
    case DType::int64:
      return static_cast<double>(to_vector<std::int64_t>()[0]);
  }
  return 0.0;
}

template <class T>
void Tensor::write(std::span<const T> values) const {
  require(static_cast<std::int64_t>(values.size()) == numel(), "Tensor: {} values for shape {}",
          values.size(), shape_);
  allocator_of(device()).copy_from_host(data<T>(), values.data(), bytes());
}

#define POLDER_INSTANTIATE(T)                                                \
  template Tensor Tensor::from<T>(std::span<const T>, const Shape&, Device); \
  template std::vector<T> Tensor::to_vector<T>() const;                      \
  template void Tensor::write<T>(std::span<const T>) const;
POLDER_INSTANTIATE(float)
POLDER_INSTANTIATE(double)
POLDER_INSTANTIATE(bfloat16)
POLDER_INSTANTIATE(std::int64_t)
#undef POLDER_INSTANTIATE

}  // namespace polder
