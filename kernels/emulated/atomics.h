#pragma once

#include <atomic>
#include <type_traits>

/// Atomic functions of CUDA on int, unsigned and unsigned long long, and its fences. As on a card
/// they order nothing but themselves.

namespace polder::kernels::emulated::machine {

template <class T>
concept AtomicInteger =
    std::is_same_v<T, int> || std::is_same_v<T, unsigned> || std::is_same_v<T, unsigned long long>;

/// Replaces *address by change(*address) and returns what was there.
template <AtomicInteger T, class F>
T atomic_change(T* address, F&& change) {
  const std::atomic_ref<T> shared(*address);
  T old = shared.load(std::memory_order_relaxed);
  while (!shared.compare_exchange_weak(old, change(old), std::memory_order_relaxed)) {
  }
  return old;
}

}  // namespace polder::kernels::emulated::machine

template <polder::kernels::emulated::machine::AtomicInteger T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  return std::atomic_ref<T>(*address).fetch_add(value, std::memory_order_relaxed);
}
template <polder::kernels::emulated::machine::AtomicInteger T>
T atomicOr(T* address, std::type_identity_t<T> value) {
  return std::atomic_ref<T>(*address).fetch_or(value, std::memory_order_relaxed);
}
template <polder::kernels::emulated::machine::AtomicInteger T>
T atomicAnd(T* address, std::type_identity_t<T> value) {
  return std::atomic_ref<T>(*address).fetch_and(value, std::memory_order_relaxed);
}
template <polder::kernels::emulated::machine::AtomicInteger T>
T atomicExch(T* address, std::type_identity_t<T> value) {
  return std::atomic_ref<T>(*address).exchange(value, std::memory_order_relaxed);
}
template <polder::kernels::emulated::machine::AtomicInteger T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  return polder::kernels::emulated::machine::atomic_change(
      address, [&](T old) { return old < value ? value : old; });
}
template <polder::kernels::emulated::machine::AtomicInteger T>
T atomicMin(T* address, std::type_identity_t<T> value) {
  return polder::kernels::emulated::machine::atomic_change(
      address, [&](T old) { return value < old ? value : old; });
}
/// Writes `value` when `expected` is there; returns what was there.
template <polder::kernels::emulated::machine::AtomicInteger T>
T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  std::atomic_ref<T>(*address).compare_exchange_strong(expected, value, std::memory_order_relaxed);
  return expected;
}

// NOLINTBEGIN(bugprone-reserved-identifier): CUDA's own names
inline void __threadfence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
inline void __threadfence_block() { std::atomic_thread_fence(std::memory_order_seq_cst); }
inline void __threadfence_system() { std::atomic_thread_fence(std::memory_order_seq_cst); }
// NOLINTEND(bugprone-reserved-identifier)
