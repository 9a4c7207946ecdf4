#pragma once

#include <cstdint>

namespace polder::kernels::POLDER_DEVICE {

class Runtime;

// A device has a clock: how many steps later than written in their host arguments its kernels are
// to work. It is 0 except while a recording is replayed. Kernels whose arguments hold a step number
// take runtime.clock() and add what it holds (clock.cuh).

/// Sets the clock, in the device's own order of work.
void set_clock(Runtime& runtime, std::int64_t steps);

}  // namespace polder::kernels::POLDER_DEVICE
