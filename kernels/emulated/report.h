#pragma once

#include <source_location>
#include <span>
#include <string>

#include "polder/kernels/emulated/block.h"

/// The sentences of the device's errors.
namespace polder::kernels::emulated::machine {

/// "reduce.cu:42"
std::string text(const std::source_location& where);
/// "(1, 0, 0)"
std::string text(const uint3& index);

/// Why the threads of `blocks` cannot go on: who waits where, and how many have returned. `grid` is
/// the barrier of all of them.
std::string describe_stuck(std::span<const Block> blocks, const Barrier& grid);
/// The threads of one barrier that is full, though its threads came from different lines.
std::string describe_mixed(const Barrier& barrier, const Fiber& last);

}  // namespace polder::kernels::emulated::machine
