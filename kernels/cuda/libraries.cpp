#include "polder/kernels/cuda/libraries.h"

#include "polder/kernels/cuda/device_backend.h"

namespace polder::kernels::cuda {

DeviceBackend::DeviceBackend(int index)
    : device_{DeviceType::cuda, index},
      runtime_(std::make_unique<Runtime>(index)),
      libraries_(std::make_unique<Libraries>(*runtime_)) {}

DeviceBackend::~DeviceBackend() = default;

}  // namespace polder::kernels::cuda
