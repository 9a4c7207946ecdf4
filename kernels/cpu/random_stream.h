#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "polder/core/random.h"

namespace polder::kernels::cpu {

/// Blocks of Philox made side by side, so that the rounds vectorise, and the words they hold.
inline constexpr int kStreamLanes = 16;
inline constexpr int kStreamWords = 4 * kStreamLanes;

/// words[i] = the word of element kStreamWords * group + i, as `random_words` has it.
inline void stream_words(RandomKey key, std::uint64_t group, std::uint32_t* words) {
  std::uint32_t a[kStreamLanes], b[kStreamLanes], c[kStreamLanes], d[kStreamLanes];
  for (int lane = 0; lane < kStreamLanes; ++lane) {
    const std::uint64_t block = group * kStreamLanes + static_cast<std::uint64_t>(lane);
    a[lane] = static_cast<std::uint32_t>(block);
    b[lane] = static_cast<std::uint32_t>(block >> 32);
    c[lane] = key.stream;
    d[lane] = key.step;
  }
  auto key0 = static_cast<std::uint32_t>(key.seed),
       key1 = static_cast<std::uint32_t>(key.seed >> 32);
  for (int round = 0; round < 10; ++round, key0 += 0x9E3779B9U, key1 += 0xBB67AE85U)
    for (int lane = 0; lane < kStreamLanes; ++lane) {
      const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * a[lane];
      const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * c[lane];
      a[lane] = static_cast<std::uint32_t>(product1 >> 32) ^ b[lane] ^ key0;
      b[lane] = static_cast<std::uint32_t>(product1);
      c[lane] = static_cast<std::uint32_t>(product0 >> 32) ^ d[lane] ^ key1;
      d[lane] = static_cast<std::uint32_t>(product0);
    }
  for (int lane = 0; lane < kStreamLanes; ++lane) {
    std::uint32_t* block = words + std::ptrdiff_t{4} * lane;
    block[0] = a[lane];
    block[1] = b[lane];
    block[2] = c[lane];
    block[3] = d[lane];
  }
}

/// Calls f(words, from, count) for consecutive runs of the elements [first, first + n): words[k]
/// belongs to element first + from + k. Runs of an even first and n are even.
template <class F>
void for_stream(RandomKey key, std::uint64_t first, std::int64_t n, F&& f) {
  std::uint32_t words[kStreamWords];
  for (std::int64_t from = 0; from < n;) {
    const std::uint64_t element = first + static_cast<std::uint64_t>(from);
    const std::int64_t skipped = static_cast<std::int64_t>(element % kStreamWords);
    const std::int64_t count = std::min(n - from, kStreamWords - skipped);
    stream_words(key, element / kStreamWords, words);
    f(words + skipped, from, count);
    from += count;
  }
}

}  // namespace polder::kernels::cpu
