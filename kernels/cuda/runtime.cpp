#include "polder/kernels/cuda/runtime.h"

#include "polder/core/error.h"
#include "polder/kernels/cuda/card_memory.h"
#include "polder/kernels/cuda/check.h"
#include "polder/kernels/cuda/place.h"

namespace polder::kernels::cuda {
namespace {

int attribute(cudaDeviceAttr name, int index) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, name, index));
  return value;
}

cudaStream_t as_stream(void* stream) { return static_cast<cudaStream_t>(stream); }

}  // namespace

void check(cudaError_t code, std::source_location where) {
  if (code == cudaSuccess) [[likely]]
    return;
  static_cast<void>(cudaGetLastError());  // one report for one error
  fail("cuda: {} ({}) at {}", cudaGetErrorString(code), cudaGetErrorName(code), place(where));
}

int card_count() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

std::string why_no_card() {
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  return fmt::format("{} ({})", cudaGetErrorString(code), cudaGetErrorName(code));
}

Runtime::Runtime(int index) : index_(index) {
  require(index >= 0 && index < card_count(), "cuda: no card {}, the driver offers {}", index,
          card_count());
  check(cudaSetDevice(index));
  multiprocessors_ = attribute(cudaDevAttrMultiProcessorCount, index);
  shared_bytes_ =
      static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, index));
  cache_bytes_ = static_cast<std::size_t>(attribute(cudaDevAttrL2CacheSize, index));
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  stream_ = stream;
  // Never destroyed: tensors in static storage may outlive every other static object.
  auto* memory = new CardMemory(index, stream_);
  allocator_ = new CachingAllocator(*memory);
  install_allocator({DeviceType::cuda, index}, *allocator_);
  clock_ = static_cast<std::int64_t*>(allocator_->allocate(sizeof(std::int64_t)));
  allocator_->zero(clock_, sizeof(std::int64_t));
}

Runtime::~Runtime() { static_cast<void>(cudaStreamDestroy(as_stream(stream_))); }

std::string Runtime::description() const {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index_));
  int driver = 0;
  check(cudaDriverGetVersion(&driver));
  return fmt::format("{}, compute {}.{}, driver {}.{}", properties.name, properties.major,
                     properties.minor, driver / 1000, driver % 1000 / 10);
}

void Runtime::synchronize(std::source_location where) const {
  check(cudaStreamSynchronize(as_stream(stream_)), where);
}

void Runtime::launch_pointers(const Launch& shape, const void* kernel, void** arguments) {
  check(cudaSetDevice(index_), shape.where);
  // A block gets more than 48 KiB of dynamic shared memory only when the kernel asked for it.
  if (shape.shared_bytes > std::size_t{48} * 1024)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shape.shared_bytes)),
          shape.where);
  const dim3 grid(static_cast<unsigned>(shape.blocks)), block(static_cast<unsigned>(shape.threads));
  const auto start = shape.cooperative ? cudaLaunchCooperativeKernel : cudaLaunchKernel;
  check(start(kernel, grid, block, arguments, shape.shared_bytes, as_stream(stream_)), shape.where);
}

}  // namespace polder::kernels::cuda
