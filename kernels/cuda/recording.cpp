#include "polder/kernels/recording.h"

#include "polder/kernels/cuda/check.h"
#include "polder/kernels/cuda/clock.h"
#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/runtime.h"

namespace polder::kernels::cuda {
namespace {

cudaStream_t stream_of(const Runtime& runtime) {
  return static_cast<cudaStream_t>(runtime.stream());
}

/// Ends the capture and returns what it holds, ready to run.
cudaGraphExec_t end_capture(Runtime& runtime) {
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(stream_of(runtime), &graph));
  cudaGraphExec_t ready = nullptr;
  const cudaError_t code = cudaGraphInstantiate(&ready, graph, 0);
  static_cast<void>(cudaGraphDestroy(graph));
  check(code);
  return ready;
}

/// Ends a capture whose work has failed.
void abandon_capture(Runtime& runtime) {
  cudaGraph_t graph = nullptr;
  static_cast<void>(cudaStreamEndCapture(stream_of(runtime), &graph));
  if (graph != nullptr) static_cast<void>(cudaGraphDestroy(graph));
  static_cast<void>(cudaGetLastError());
}

class Graph final : public Recording {
 public:
  Graph(Runtime& runtime, std::shared_ptr<CachingAllocator::Reservation> memory,
        cudaGraphExec_t ready)
      : runtime_(runtime), memory_(std::move(memory)), ready_(ready) {}
  // The graph may still be running; its memory must not be handed to others before it ends.
  ~Graph() override {
    static_cast<void>(cudaStreamSynchronize(stream_of(runtime_)));
    static_cast<void>(cudaGraphExecDestroy(ready_));
  }

  void replay(std::int64_t steps_later) override {
    set_clock(runtime_, steps_later);
    check(cudaGraphLaunch(ready_, stream_of(runtime_)));
  }

 private:
  Runtime& runtime_;
  std::shared_ptr<CachingAllocator::Reservation> memory_;
  cudaGraphExec_t ready_;
};

}  // namespace

std::unique_ptr<Recording> DeviceBackend::record(const std::function<void()>& work) {
  // Relaxed: memory that the reservation lacks may be asked of the driver meanwhile.
  check(cudaStreamBeginCapture(stream_of(*runtime_), cudaStreamCaptureModeRelaxed));
  CachingAllocator& allocator = runtime_->allocator();
  auto memory = allocator.open_reservation();
  try {
    work();
    set_clock(*runtime_, 0);  // the last piece of the recording: the clock stands still again
  } catch (...) {
    allocator.close_reservation();
    abandon_capture(*runtime_);
    throw;
  }
  allocator.close_reservation();
  return std::make_unique<Graph>(*runtime_, std::move(memory), end_capture(*runtime_));
}

}  // namespace polder::kernels::cuda
