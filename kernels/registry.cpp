#include "polder/core/error.h"
#include "polder/core/text.h"
#include "polder/kernels/backend.h"
#include "polder/kernels/cpu/cpu_backend.h"

namespace polder::kernels {

Backend& backend_of(Device device) {
  // Never destroyed: objects in static storage may compute in their destructors.
  static auto* cpu = new cpu::CpuBackend;
  if (device == kCpu) return *cpu;
  std::vector<std::string> present;
  for (const Device known : available_devices()) present.push_back(to_string(known));
  fail("backend_of: no device {} here; present: {}", device, join(present));
}

std::vector<Device> available_devices() { return {kCpu}; }

}  // namespace polder::kernels
