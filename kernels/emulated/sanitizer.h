#pragma once

#include <cstddef>

/// What the address sanitizer must be told about stacks; nothing without it.

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace polder::kernels::emulated::machine {

#ifdef __SANITIZE_ADDRESS__

inline constexpr bool kAddressSanitizer = true;

inline void start_switch(void** fake_stack, const void* bottom, std::size_t bytes) {
  __sanitizer_start_switch_fiber(fake_stack, bottom, bytes);
}
inline void finish_switch(void* fake_stack, const void** old_bottom, std::size_t* old_bytes) {
  __sanitizer_finish_switch_fiber(fake_stack, old_bottom, old_bytes);
}
inline void forget_stack(const void* bottom, std::size_t bytes) {
  __asan_unpoison_memory_region(bottom, bytes);
}

#else

inline constexpr bool kAddressSanitizer = false;

inline void start_switch(void**, const void*, std::size_t) {}
inline void finish_switch(void*, const void**, std::size_t*) {}
inline void forget_stack(const void*, std::size_t) {}

#endif

}  // namespace polder::kernels::emulated::machine
