#include "polder/core/allocator.h"
#include "polder/core/error.h"
#include "polder/core/text.h"
#include "polder/kernels/back_ends.h"
#include "polder/kernels/cpu/cpu_backend.h"

namespace polder::kernels {
namespace {

Backend& cpu_backend() {
  // Never destroyed: objects in static storage may compute in their destructors.
  static auto* backend = new cpu::CpuBackend;
  return *backend;
}

/// Tensors may be made on a device before anything computes there.
[[maybe_unused]] const bool opener_is_set = [] {
  set_device_opener([](Device device) { backend_of(device); });
  return true;
}();

}  // namespace

Backend& backend_of(Device device) {
  if (device == kCpu) [[likely]]
    return cpu_backend();
  if (device.type == DeviceType::cuda && device.index < cuda_device_count())
    return cuda_backend(device.index);
  if (device.type == DeviceType::emulated && has_emulated_device()) return emulated_backend();
  std::vector<std::string> present;
  for (const Device known : available_devices()) present.push_back(to_string(known));
  fail("backend_of: no device {} here; present: {}", device, join(present));
}

std::vector<Device> available_devices() {
  std::vector<Device> devices{kCpu};
  for (int index = 0; index < cuda_device_count(); ++index)
    devices.push_back({DeviceType::cuda, index});
  if (has_emulated_device()) devices.push_back({DeviceType::emulated, 0});
  return devices;
}

}  // namespace polder::kernels
