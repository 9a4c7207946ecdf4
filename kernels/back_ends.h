#pragma once

#include <string>

#include "polder/kernels/backend.h"
#include "polder/kernels/stopwatch.h"

/// The back ends beside the cpu's. The build chooses, file by file, whether each is there: a
/// program without one has absent_cuda.cpp or absent_emulated.cpp instead.
namespace polder::kernels {

/// Cards this program can use on this machine; 0 in a program without the cuda back end.
int cuda_device_count();
/// Why there are none: the driver's words, or that the program was built without the back end.
std::string why_no_card();
/// The back end of a card, opened when first asked for. index < cuda_device_count().
Backend& cuda_backend(int index);
std::unique_ptr<Stopwatch> cuda_stopwatch(int index);

bool has_emulated_device();
Backend& emulated_backend();

}  // namespace polder::kernels
