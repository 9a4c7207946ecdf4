#pragma once

#include "polder/kernels/cuda/launch_shape.h"

namespace polder::kernels::emulated {

/// Runs body(context) once for every thread of the launch and returns when all are done. Blocks are
/// spread over the host's threads; the blocks of a cooperative launch are all alive at once.
void run_grid(const Launch& shape, void (*body)(const void* context), const void* context);

}  // namespace polder::kernels::emulated
