#pragma once

#include <bit>
#include <cstdint>
#include <source_location>
#include <type_traits>

#include "polder/kernels/emulated/call.h"
#include "polder/kernels/emulated/place.h"

/// How the threads of a kernel meet: barriers, shuffles, votes, fences. Each remembers the kernel's
/// line, so that a message can say where threads wait.
///
/// Masks are full: a partial one is an Error. A lane that does not exist (the last warp of a block
/// whose size is no multiple of 32) gives bits that are all ones: NaN, -1.

namespace polder::kernels::emulated {
namespace machine {

/// Waits for every thread of the block. Returns how many of them came with `predicate`.
int block_barrier(bool predicate, const Call& call);
/// Waits for every thread of a cooperative launch.
void grid_barrier(const Call& call);
/// Gives `bits` to the warp and returns those of its 32 lanes; they stay there until this lane's
/// next meeting with its warp.
const std::uint64_t* warp_exchange(unsigned mask, std::uint64_t bits, const Call& call);
/// Lanes whose `predicate` holds, lane 0 in the lowest bit.
unsigned warp_ballot(unsigned mask, bool predicate, const Call& call);
[[noreturn]] void report_shuffle(unsigned distance, int width, const Call& call);

/// Throws Error unless width is 1, 2, 4, ..., 32 and `distance` is under 32.
inline void check_shuffle(unsigned distance, int width, const Call& call) {
  if (width < 1 || width > kWarpSize || !std::has_single_bit(static_cast<unsigned>(width)) ||
      distance >= kWarpSize) [[unlikely]]
    report_shuffle(distance, width, call);
}

template <class T>
concept Shuffled = std::is_arithmetic_v<T> &&(sizeof(T) == 4 || sizeof(T) == 8);

template <std::size_t bytes>
using Bits = std::conditional_t<bytes == 4, std::uint32_t, std::uint64_t>;

/// The value of lane `source` of the warp.
template <Shuffled T>
T shuffle(unsigned mask, T value, unsigned source, const Call& call) {
  const std::uint64_t* bits = warp_exchange(mask, std::bit_cast<Bits<sizeof(T)>>(value), call);
  return std::bit_cast<T>(static_cast<Bits<sizeof(T)>>(bits[source]));
}

inline unsigned lane() { return current_place->lane; }
/// First lane of this lane's group of `width`.
inline unsigned group_begin(int width) { return lane() & ~static_cast<unsigned>(width - 1); }

}  // namespace machine

/// Waits until every thread of a cooperative launch is here.
inline void grid_sync(std::source_location where = std::source_location::current()) {
  machine::grid_barrier({"grid_sync", where});
}

}  // namespace polder::kernels::emulated

// NOLINTBEGIN(bugprone-reserved-identifier): CUDA's own names

inline constexpr int warpSize = polder::kernels::emulated::machine::kWarpSize;

inline void __syncthreads(std::source_location where = std::source_location::current()) {
  polder::kernels::emulated::machine::block_barrier(false, {"__syncthreads", where});
}
inline int __syncthreads_count(int predicate,
                               std::source_location where = std::source_location::current()) {
  return polder::kernels::emulated::machine::block_barrier(predicate != 0,
                                                           {"__syncthreads_count", where});
}
inline int __syncthreads_or(int predicate,
                            std::source_location where = std::source_location::current()) {
  return static_cast<int>(polder::kernels::emulated::machine::block_barrier(
                              predicate != 0, {"__syncthreads_or", where}) > 0);
}
inline int __syncthreads_and(int predicate,
                             std::source_location where = std::source_location::current()) {
  return static_cast<int>(polder::kernels::emulated::machine::block_barrier(
                              predicate == 0, {"__syncthreads_and", where}) == 0);
}

inline void __syncwarp(unsigned mask = 0xffffffffU,
                       std::source_location where = std::source_location::current()) {
  polder::kernels::emulated::machine::warp_exchange(mask, 0, {"__syncwarp", where});
}

/// The value of lane `source` modulo `width` of this lane's group.
template <polder::kernels::emulated::machine::Shuffled T>
T __shfl_sync(unsigned mask, T value, int source, int width = warpSize,
              std::source_location where = std::source_location::current()) {
  namespace machine = polder::kernels::emulated::machine;
  const machine::Call call{"__shfl_sync", where};
  machine::check_shuffle(0, width, call);
  const unsigned within = static_cast<unsigned>(source) & static_cast<unsigned>(width - 1);
  return machine::shuffle(mask, value, machine::group_begin(width) + within, call);
}

/// The value of the lane `delta` below; the first `delta` lanes of a group keep their own.
template <polder::kernels::emulated::machine::Shuffled T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                 std::source_location where = std::source_location::current()) {
  namespace machine = polder::kernels::emulated::machine;
  const machine::Call call{"__shfl_up_sync", where};
  machine::check_shuffle(delta, width, call);
  const unsigned lane = machine::lane();
  const bool inside = lane >= machine::group_begin(width) + delta;
  return machine::shuffle(mask, value, inside ? lane - delta : lane, call);
}

/// The value of the lane `delta` above; the last `delta` lanes of a group keep their own.
template <polder::kernels::emulated::machine::Shuffled T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                   std::source_location where = std::source_location::current()) {
  namespace machine = polder::kernels::emulated::machine;
  const machine::Call call{"__shfl_down_sync", where};
  machine::check_shuffle(delta, width, call);
  const unsigned lane = machine::lane();
  const bool inside = lane + delta < machine::group_begin(width) + static_cast<unsigned>(width);
  return machine::shuffle(mask, value, inside ? lane + delta : lane, call);
}

/// The value of the lane whose number differs in the bits of `lane_mask`; lanes of later groups
/// are out of reach, then a lane keeps its own.
template <polder::kernels::emulated::machine::Shuffled T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = warpSize,
                  std::source_location where = std::source_location::current()) {
  namespace machine = polder::kernels::emulated::machine;
  const machine::Call call{"__shfl_xor_sync", where};
  machine::check_shuffle(static_cast<unsigned>(lane_mask), width, call);
  const unsigned source = machine::lane() ^ static_cast<unsigned>(lane_mask);
  const bool inside = source < machine::group_begin(width) + static_cast<unsigned>(width);
  return machine::shuffle(mask, value, inside ? source : machine::lane(), call);
}

inline unsigned __ballot_sync(unsigned mask, int predicate,
                              std::source_location where = std::source_location::current()) {
  return polder::kernels::emulated::machine::warp_ballot(mask, predicate != 0,
                                                         {"__ballot_sync", where});
}
inline int __any_sync(unsigned mask, int predicate,
                      std::source_location where = std::source_location::current()) {
  return static_cast<int>(polder::kernels::emulated::machine::warp_ballot(
                              mask, predicate != 0, {"__any_sync", where}) != 0);
}
inline int __all_sync(unsigned mask, int predicate,
                      std::source_location where = std::source_location::current()) {
  return static_cast<int>(polder::kernels::emulated::machine::warp_ballot(
                              mask, predicate == 0, {"__all_sync", where}) == 0);
}

// NOLINTEND(bugprone-reserved-identifier)
