#pragma once

#include <memory>

#include "polder/core/device.h"

namespace polder::kernels {

/// How long a device works: on a card by events in its own order of work, elsewhere by the clock
/// on the wall.
class Stopwatch {
 public:
  virtual ~Stopwatch() = default;
  virtual void start() = 0;
  /// Seconds since start(), when the device has done everything asked for in between.
  virtual double stop() = 0;
};

std::unique_ptr<Stopwatch> make_stopwatch(Device device);

}  // namespace polder::kernels
