#include "polder/kernels/stopwatch.h"

#include "polder/kernels/back_ends.h"
#include "polder/kernels/cuda/check.h"
#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/cuda/runtime.h"

namespace polder::kernels {
namespace cuda {
namespace {

class Event {
 public:
  Event() { check(cudaEventCreate(&event_)); }
  ~Event() { static_cast<void>(cudaEventDestroy(event_)); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

class EventClock final : public Stopwatch {
 public:
  explicit EventClock(const Runtime& runtime)
      : stream_(static_cast<cudaStream_t>(runtime.stream())) {}
  void start() override { check(cudaEventRecord(start_.get(), stream_)); }
  double stop() override {
    check(cudaEventRecord(stop_.get(), stream_));
    check(cudaEventSynchronize(stop_.get()));
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, start_.get(), stop_.get()));
    return 1e-3 * static_cast<double>(milliseconds);
  }

 private:
  cudaStream_t stream_;
  Event start_, stop_;
};

}  // namespace
}  // namespace cuda

std::unique_ptr<Stopwatch> cuda_stopwatch(int index) {
  return std::make_unique<cuda::EventClock>(
      dynamic_cast<cuda::DeviceBackend&>(cuda_backend(index)).runtime());
}

}  // namespace polder::kernels
