#include "polder/kernels/back_ends.h"
#include "polder/kernels/cuda/device_backend.h"

namespace polder::kernels {

bool has_emulated_device() { return true; }

Backend& emulated_backend() {
  // Never destroyed: objects in static storage may compute in their destructors.
  static auto* backend = new emulated::DeviceBackend;
  return *backend;
}

}  // namespace polder::kernels
