#pragma once

#include <cstddef>

#include "polder/core/device.h"

namespace polder {

/// One block of device memory, released on destruction. Tensors share it.
class Buffer {
 public:
  Buffer(Device device, std::size_t bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  Device device() const { return device_; }
  std::size_t bytes() const { return bytes_; }
  std::byte* data() const { return data_; }

 private:
  Device device_;
  std::size_t bytes_;
  std::byte* data_;
};

}  // namespace polder
