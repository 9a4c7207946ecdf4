#include "polder/kernels/recording.h"

#include "polder/kernels/cuda/clock.h"
#include "polder/kernels/cuda/device_backend.h"
#include "polder/kernels/emulated/runtime.h"

namespace polder::kernels::emulated {
namespace {

class WorkList final : public Recording {
 public:
  WorkList(Runtime& runtime, std::shared_ptr<CachingAllocator::Reservation> memory, Work work)
      : runtime_(runtime), memory_(std::move(memory)), work_(std::move(work)) {}

  void replay(std::int64_t steps_later) override {
    set_clock(runtime_, steps_later);
    for (const auto& piece : work_) piece();
    set_clock(runtime_, 0);
  }

 private:
  Runtime& runtime_;
  std::shared_ptr<CachingAllocator::Reservation> memory_;
  Work work_;
};

}  // namespace

std::unique_ptr<Recording> DeviceBackend::record(const std::function<void()>& work) {
  require(!runtime_->is_recording(), "record: work is being recorded already");
  auto memory = runtime_->allocator().open_reservation();
  Work pieces;
  const auto close = [&] {
    runtime_->exchange_recording(nullptr);
    runtime_->allocator().close_reservation();
  };
  runtime_->exchange_recording(&pieces);
  try {
    work();
  } catch (...) {
    close();
    throw;
  }
  close();
  return std::make_unique<WorkList>(*runtime_, std::move(memory), std::move(pieces));
}

// Recorded, the body is a piece of work of its own, done when the replay comes to it and finds the
// decision not 0.
void DeviceBackend::branch(const Tensor& decision, const std::function<void()>& then) {
  const double* value = decision.data<double>();
  if (!runtime_->is_recording()) {
    if (*value != 0.0) then();
    return;
  }
  Work body;
  Work* const outer = runtime_->exchange_recording(&body);
  try {
    then();
  } catch (...) {
    runtime_->exchange_recording(outer);
    throw;
  }
  runtime_->exchange_recording(outer);
  outer->push_back([value, body = std::move(body)] {
    if (*value == 0.0) return;
    for (const auto& piece : body) piece();
  });
}

}  // namespace polder::kernels::emulated
