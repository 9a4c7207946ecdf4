#include "polder/core/buffer.h"

#include "polder/core/allocator.h"

namespace polder {

Buffer::Buffer(Device device, std::size_t bytes)
    : device_(device),
      bytes_(bytes),
      data_(bytes == 0 ? nullptr : static_cast<std::byte*>(allocator_of(device).allocate(bytes))) {}

Buffer::~Buffer() {
  if (data_ != nullptr) allocator_of(device_).release(data_, bytes_);
}

}  // namespace polder
