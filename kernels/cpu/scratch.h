#pragma once

#include <cstddef>
#include <cstdint>

namespace polder::kernels::cpu {

/// Working memory of one thread, by purpose: two purposes never share memory.
enum class Scratch : std::uint8_t { packed_a, packed_b, narrow, patches };

/// At least `bytes` bytes for the calling thread, from the caching allocator, aligned to 64.
/// Contents are unspecified; valid until the thread asks again for the same purpose. Kept as long
/// as the thread lives and grown when needed, so that a steady state allocates nothing.
void* thread_scratch(Scratch purpose, std::size_t bytes);

template <class T>
T* thread_scratch_of(Scratch purpose, std::int64_t count) {
  return static_cast<T*>(thread_scratch(purpose, static_cast<std::size_t>(count) * sizeof(T)));
}

}  // namespace polder::kernels::cpu
