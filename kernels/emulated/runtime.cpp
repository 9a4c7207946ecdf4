#include "polder/kernels/emulated/runtime.h"

#include "polder/core/error.h"

namespace polder::kernels::emulated {
namespace {

/// Memory of the host whose copies take their place in the device's work. As on a card, a recording
/// can hold no traffic with the host.
class DeviceMemory final : public MemorySource {
 public:
  explicit DeviceMemory(Runtime& runtime) : runtime_(runtime) {}

  void* take(std::size_t bytes) override { return host_.take(bytes); }
  void give_back(void* block) noexcept override { host_.give_back(block); }
  std::string describe() const override { return host_.describe(); }

  void copy_to_host(void* host, const void* device, std::size_t bytes) override {
    require(!runtime_.is_recording(), "emulated: the host reads the device while work is recorded");
    host_.copy_to_host(host, device, bytes);
  }
  void copy_from_host(void* device, const void* host, std::size_t bytes) override {
    require(!runtime_.is_recording(),
            "emulated: the host writes the device while work is recorded");
    host_.copy_from_host(device, host, bytes);
  }
  void copy_within(void* destination, const void* source, std::size_t bytes) override {
    runtime_.submit([=, this] { host_.copy_within(destination, source, bytes); });
  }
  void zero(void* device, std::size_t bytes) override {
    runtime_.submit([=, this] { host_.zero(device, bytes); });
  }

 private:
  Runtime& runtime_;
  HostMemory host_{"emulated memory"};
};

}  // namespace

Runtime::Runtime() {
  // Never destroyed: tensors in static storage may outlive every other static object.
  allocator_ = new CachingAllocator(*new DeviceMemory(*this));
  install_allocator({DeviceType::emulated, 0}, *allocator_);
}

}  // namespace polder::kernels::emulated
