#include <map>
#include <mutex>

#include "polder/kernels/back_ends.h"
#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/runtime.h"

namespace polder::kernels {

int cuda_device_count() {
  static const int count = cuda::card_count();
  return count;
}

std::string why_no_card() { return cuda::why_no_card(); }

Backend& cuda_backend(int index) {
  // Never destroyed: objects in static storage may compute in their destructors.
  static auto* opened = new std::map<int, cuda::DeviceBackend*>;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  cuda::DeviceBackend*& backend = (*opened)[index];
  if (backend == nullptr) backend = new cuda::DeviceBackend(index);
  return *backend;
}

}  // namespace polder::kernels
