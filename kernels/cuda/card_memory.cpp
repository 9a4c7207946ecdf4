#include "polder/kernels/cuda/card_memory.h"

#include "polder/core/error.h"
#include "polder/kernels/cuda/check.h"

namespace polder::kernels::cuda {
namespace {

cudaStream_t as_stream(void* stream) { return static_cast<cudaStream_t>(stream); }

/// A recording can hold no traffic with the host.
void require_no_recording(void* stream, const char* what) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(as_stream(stream), &status));
  require(status == cudaStreamCaptureStatusNone,
          "cuda: the host {} the device while work is recorded", what);
}

}  // namespace

void* CardMemory::take(std::size_t bytes) {
  check(cudaSetDevice(index_));
  void* block = nullptr;
  const cudaError_t code = cudaMalloc(&block, bytes);
  if (code == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());  // it is reported by the allocator, with its numbers
    return nullptr;
  }
  check(code);
  return block;
}

// At exit the driver may be gone before the last tensor; its memory is gone with it.
void CardMemory::give_back(void* block) noexcept { static_cast<void>(cudaFree(block)); }

std::string CardMemory::describe() const {
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total));
  return fmt::format("cuda:{} memory, {} of {} bytes free", index_, free, total);
}

void CardMemory::copy_to_host(void* host, const void* device, std::size_t bytes) {
  require_no_recording(stream_, "reads");
  check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, as_stream(stream_)));
  check(cudaStreamSynchronize(as_stream(stream_)));
}

// From pageable memory the call returns when the values have been staged: `host` may be reused.
void CardMemory::copy_from_host(void* device, const void* host, std::size_t bytes) {
  require_no_recording(stream_, "writes");
  check(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, as_stream(stream_)));
}

void CardMemory::copy_within(void* destination, const void* source, std::size_t bytes) {
  check(cudaMemcpyAsync(destination, source, bytes, cudaMemcpyDeviceToDevice, as_stream(stream_)));
}

void CardMemory::zero(void* device, std::size_t bytes) {
  check(cudaMemsetAsync(device, 0, bytes, as_stream(stream_)));
}

}  // namespace polder::kernels::cuda
