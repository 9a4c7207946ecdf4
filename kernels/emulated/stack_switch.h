#pragma once

#include <cstddef>

namespace polder::kernels::emulated::machine {

/// Makes the stack [bottom, bottom + bytes) ready to run entry(), which never returns. The result
/// is what switch_stack wants as `to`.
void* prepare_stack(std::byte* bottom, std::size_t bytes, void (*entry)());

/// Suspends the running flow of control, remembers it in *from, and goes on with `to`. Returns when
/// somebody switches to *from. The floating-point environment stays the host thread's.
void switch_stack(void** from, void* to);

}  // namespace polder::kernels::emulated::machine
