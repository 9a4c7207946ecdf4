#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "polder/kernels/cpu/cpu_backend.h"
#include "polder/kernels/cpu/dispatch.h"

namespace polder::kernels::cpu {
namespace {

/// Unsigned numbers in the order of ranks: larger values have larger ones, NaN the least, and the
/// two zeros the same.
template <class T>
auto rank_of(T x) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  if (std::isnan(x)) return Bits{0};
  const auto bits = std::bit_cast<Bits>(x + T{0});
  const Bits sign = Bits{1} << (8 * sizeof(T) - 1);
  return (bits & sign) != 0 ? static_cast<Bits>(~bits) : static_cast<Bits>(bits | sign);
}

/// The rank of the k-th largest, and how many of that rank are among the k.
template <class Bits>
struct Cut {
  Bits rank = 0;
  std::int64_t ties = 0;
};

/// Byte by byte from the highest: counting instead of sorting needs no copy of x. 1 <= k <= number
/// of candidates.
template <class T, class Candidate>
auto find_cut(const T* x, std::int64_t n, std::int64_t k, const Candidate& candidate) {
  using Bits = decltype(rank_of(T{}));
  Cut<Bits> cut;
  Bits known = 0;  // the bytes of the rank that are found
  for (int shift = 8 * (static_cast<int>(sizeof(T)) - 1); shift >= 0; shift -= 8) {
    std::array<std::int64_t, 256> counts{};
    for (std::int64_t i = 0; i < n; ++i) {
      if (!candidate(i)) continue;
      const Bits rank = rank_of(x[i]);
      if ((rank & known) == cut.rank) ++counts[(rank >> shift) & 255U];
    }
    std::size_t byte = 255;
    while (counts[byte] < k) k -= counts[byte--];
    cut.rank |= static_cast<Bits>(byte) << shift;
    known |= Bits{255} << shift;
  }
  cut.ties = k;
  return cut;
}

/// Calls decide(i, among) in ascending i: whether x[i] is among the k largest of the candidates;
/// ties go to the lower i.
template <class T, class Candidate, class Decide>
void for_largest(const T* x, std::int64_t n, std::int64_t k, const Candidate& candidate,
                 const Decide& decide) {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < n; ++i) count += candidate(i) ? 1 : 0;
  k = std::min(k, count);
  if (k <= 0) {
    for (std::int64_t i = 0; i < n; ++i) decide(i, false);
    return;
  }
  auto [last, ties] = find_cut(x, n, k, candidate);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto rank = rank_of(x[i]);
    decide(i, candidate(i) && (rank > last || (rank == last && ties-- > 0)));
  }
}

}  // namespace

void CpuBackend::branch(const Tensor& decision, const std::function<void()>& then) {
  if (scalar(decision) != 0) then();
}

void CpuBackend::largest(const Tensor& x, std::int64_t k, Tensor& index) {
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::int64_t* next = index.data<std::int64_t>();
    for_largest(
        x.data<T>(), x.numel(), k, [](std::int64_t) { return true; },
        [&](std::int64_t i, bool among) {
          if (among) *next++ = i;
        });
  });
}

void CpuBackend::mark_largest(const Tensor& x, const Tensor& candidates, std::int64_t k,
                              Tensor& mask) {
  with_float(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* open = candidates.data<T>();
    T* marks = mask.data<T>();  // may be `open`: each is read before it is written
    for_largest(
        x.data<T>(), x.numel(), k, [=](std::int64_t i) { return open[i] != 0; },
        [=](std::int64_t i, bool among) { marks[i] = among ? T{1} : T{0}; });
  });
}

}  // namespace polder::kernels::cpu
