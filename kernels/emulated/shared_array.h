#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <type_traits>

namespace polder::kernels::emulated {
namespace machine {

/// Memory of the current block that belongs to `slot`, made when the block first asks for it.
/// Throws Error when the block declares more than a card has.
void* shared_memory(const void* slot, std::size_t bytes);
/// Dynamic shared memory of the current block.
struct DynamicShared {
  void* data;
  std::size_t bytes;
};
DynamicShared dynamic_shared_memory();
/// Throws Error naming the line of the kernel, the index and the size.
[[noreturn]] void report_index(std::int64_t index, std::size_t size,
                               const std::source_location& where);

/// An index and the line that it was written on.
struct Index {
  template <std::integral I>
  // NOLINTNEXTLINE(google-explicit-constructor): name[i] makes one
  constexpr Index(I i, std::source_location where_ = std::source_location::current())
      : value(static_cast<std::int64_t>(i)), where(where_) {}
  std::int64_t value;
  std::source_location where;
};

}  // namespace machine

/// A block's shared array. An index out of range throws Error with the kernel's line.
template <class T>
class SharedArray {
  static_assert(std::is_trivially_copyable_v<T>, "shared memory is never constructed");

 public:
  SharedArray(void* data, std::size_t size) : data_(static_cast<T*>(data)), size_(size) {}

  T& operator[](machine::Index i) const {
    if (static_cast<std::uint64_t>(i.value) >= size_) [[unlikely]]
      machine::report_index(i.value, size_, i.where);
    return data_[i.value];
  }

 private:
  T* data_;
  std::size_t size_;
};

/// The array of n elements that the current block keeps for the declaration marked by `slot`.
template <class T, std::size_t n>
SharedArray<T> shared_array(const void* slot) {
  return {machine::shared_memory(slot, n * sizeof(T)), n};
}

/// The dynamic shared memory of the current block as elements of type T.
template <class T>
SharedArray<T> dynamic_shared_array() {
  const machine::DynamicShared memory = machine::dynamic_shared_memory();
  return {memory.data, memory.bytes / sizeof(T)};
}

}  // namespace polder::kernels::emulated
