#pragma once

#include <algorithm>
#include <cstdint>

#include "polder/core/random.h"

namespace polder::kernels::cpu {

/// Blocks of Philox (four words each) made side by side, so that the rounds vectorise.
inline constexpr std::int64_t kStreamBlocks = 32;

/// words[i] = word i of the blocks from `first` on, as `random_words` has it, for `count` blocks,
/// at most kStreamBlocks.
void stream_words(RandomKey key, std::uint64_t first, std::int64_t count, std::uint32_t* words);

/// Calls f(words, from, count) for consecutive runs of the elements [first, first + n): words[k]
/// belongs to element first + from + k. Runs of an even first and n are even.
template <class F>
void for_stream(RandomKey key, std::uint64_t first, std::int64_t n, F&& f) {
  std::uint32_t words[4 * kStreamBlocks];
  for (std::int64_t from = 0; from < n;) {
    const std::uint64_t element = first + static_cast<std::uint64_t>(from);
    const auto skipped = static_cast<std::int64_t>(element % 4);
    const std::int64_t blocks = std::min(kStreamBlocks, (skipped + n - from + 3) / 4);
    const std::int64_t count = std::min(n - from, 4 * blocks - skipped);
    stream_words(key, element / 4, blocks, words);
    f(words + skipped, from, count);
    from += count;
  }
}

}  // namespace polder::kernels::cpu
