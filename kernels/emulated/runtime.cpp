#include "polder/kernels/emulated/runtime.h"

#include "polder/core/allocator.h"

namespace polder::kernels::emulated {

Runtime::Runtime() {
  // Never destroyed: tensors in static storage may outlive every other static object.
  auto* memory = new HostMemory("emulated memory");
  install_allocator({DeviceType::emulated, 0}, *new CachingAllocator(*memory));
}

}  // namespace polder::kernels::emulated
