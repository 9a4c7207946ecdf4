#include "polder/kernels/stopwatch.h"

#include <chrono>

#include "polder/kernels/back_ends.h"

namespace polder::kernels {
namespace {

class WallClock final : public Stopwatch {
 public:
  void start() override { start_ = std::chrono::steady_clock::now(); }
  double stop() override {
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start_;
    return time.count();
  }

 private:
  std::chrono::steady_clock::time_point start_;
};

}  // namespace

std::unique_ptr<Stopwatch> make_stopwatch(Device device) {
  if (device.type == DeviceType::cuda) return cuda_stopwatch(device.index);
  return std::make_unique<WallClock>();
}

}  // namespace polder::kernels
