#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "polder/core/buffer.h"
#include "polder/core/device.h"
#include "polder/core/dtype.h"
#include "polder/core/error.h"
#include "polder/core/shape.h"

namespace polder {

/// A cheap handle on shared memory: buffer, offset, shape, element type, device.
/// Contiguous and row-major. `reshape` and slices along the first axis share memory; everything
/// else copies. Images are NHWC, convolution weights OHWI, on every device.
class Tensor {
 public:
  /// Undefined tensor: holds nothing, `defined()` is false.
  Tensor() = default;

  /// New tensor with unspecified contents.
  static Tensor empty(const Shape& shape, DType dtype = DType::float32, Device device = kCpu);
  static Tensor zeros(const Shape& shape, DType dtype = DType::float32, Device device = kCpu);
  /// Copies host values. Throws Error when their number is not shape.numel().
  template <class T>
  static Tensor from(std::span<const T> values, const Shape& shape, Device device = kCpu);
  template <class T>
  static Tensor from(const std::vector<T>& values, const Shape& shape, Device device = kCpu) {
    return from(std::span<const T>(values), shape, device);
  }
  /// 0-d tensor.
  template <class T>
  static Tensor scalar(T value, Device device = kCpu) {
    return from(std::span<const T>(&value, 1), Shape{}, device);
  }

  bool defined() const { return buffer_ != nullptr; }
  const Shape& shape() const { return shape_; }
  std::int64_t size(int axis) const { return shape_[axis]; }
  int rank() const { return shape_.rank(); }
  std::int64_t numel() const { return shape_.numel(); }
  DType dtype() const { return dtype_; }
  Device device() const;
  std::size_t bytes() const { return static_cast<std::size_t>(numel()) * size_of(dtype_); }

  /// Pointer to the first element, on the tensor's device. Throws Error when T is not the dtype.
  template <class T>
  T* data() const {
    require(dtype_of<T> == dtype_, "Tensor::data: asked for {}, holds {}", dtype_of<T>, dtype_);
    return static_cast<T*>(raw());
  }
  void* raw() const { return defined() ? buffer_->data() + offset_ : nullptr; }

  /// Same memory, other shape. Throws Error when the number of elements differs.
  Tensor reshape(const Shape& shape) const;
  /// Rows [begin, end) along the first axis, same memory.
  Tensor slice(std::int64_t begin, std::int64_t end) const;
  /// `count` elements from flat position `begin` as a tensor of `shape`, same memory.
  Tensor view(std::int64_t begin, const Shape& shape) const;
  bool shares_memory_with(const Tensor& other) const { return buffer_ == other.buffer_; }
  /// True while no other tensor shares this memory, so that overwriting it goes unseen.
  bool is_sole_owner() const { return buffer_.use_count() == 1; }

  Tensor clone() const;
  /// Overwrites contents with those of `source` (same shape, dtype and device).
  void copy_from(const Tensor& source) const;

  // Host reads and writes. Each waits for the device and is counted, so that tests can demand that
  // a training step makes none.
  template <class T>
  std::vector<T> to_vector() const;
  /// Value of a one-element tensor of any floating or integer type, as double.
  double item() const;
  template <class T>
  void write(std::span<const T> values) const;

 private:
  std::shared_ptr<Buffer> buffer_;
  std::size_t offset_ = 0;
  Shape shape_;
  DType dtype_ = DType::float32;
};

/// Host reads made so far by item() and to_vector() on any thread.
std::uint64_t host_reads();

}  // namespace polder
