#pragma once

#include <cstdint>

namespace polder::kernels {

/// Work recorded on a device (Backend::record), done as often as wanted: a CUDA graph on a card.
///
/// The memory of tensors made while recording belongs to the recording: every replay writes it
/// again. Tensors made before are used where they were and must outlive the recording.
class Recording {
 public:
  virtual ~Recording() = default;
  /// Does the work once. Random numbers and step counts (RandomKey::step, AdamCoefficients::step,
  /// SgdCoefficients::first) are those of `steps_later` steps after the ones recorded.
  virtual void replay(std::int64_t steps_later) = 0;
};

}  // namespace polder::kernels
