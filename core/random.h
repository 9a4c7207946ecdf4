#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace polder {

/// Philox 4x32-10, a counter-based generator: value = f(key, counter), no state.
/// The same numbers come out on every device and for any number of threads, and any of them can
/// be computed again, so a mask is replayed instead of stored.
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                              std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product0)};
    key = {key[0] + 0x9E3779B9U, key[1] + 0xBB67AE85U};
  }
  return counter;
}

/// Names one stream of random numbers: a seed, who draws (stream), and when (step).
/// Switching one consumer on moves no other consumer's numbers.
struct RandomKey {
  std::uint64_t seed = 0;
  std::uint32_t stream = 0;
  std::uint32_t step = 0;

  bool operator==(const RandomKey&) const = default;
  constexpr RandomKey at(std::uint32_t when) const { return {seed, stream, when}; }
};

/// Key of a named consumer ("init", "dropout/3", "shuffle", ...): the name is hashed (FNV-1a).
constexpr RandomKey random_key(std::uint64_t seed, std::string_view consumer,
                               std::uint32_t step = 0) {
  std::uint32_t hash = 0x811C9DC5U;
  for (const char letter : consumer)
    hash = (hash ^ static_cast<std::uint8_t>(letter)) * 0x01000193U;
  return {seed, hash, step};
}

/// Four independent 32-bit words for element block `index` of a stream.
constexpr std::array<std::uint32_t, 4> random_words(RandomKey key, std::uint64_t index) {
  return philox({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                 key.stream, key.step},
                {static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)});
}

/// Uniform in [0, 1) with 32 random bits, never 1.
constexpr double uniform_from(std::uint32_t word) { return word * 0x1p-32; }
/// Uniform in [0, 1) with 24 random bits, exact in float32.
constexpr float uniform_float_from(std::uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1p-24F;
}

/// Element `index` of the stream, uniform in [0, 1).
constexpr double uniform(RandomKey key, std::uint64_t index) {
  return uniform_from(random_words(key, index / 4)[index % 4]);
}

/// Standard normal from two words (Box-Muller).
double normal_from(std::uint32_t word0, std::uint32_t word1);
/// Element `index` of the stream, standard normal: of words 2 index and 2 index + 1.
double normal(RandomKey key, std::uint64_t index);

/// Element `index` of the stream, an integer in [0, bound), bound < 2^32 (multiply-shift; the bias
/// of a value is below bound / 2^32).
constexpr std::uint64_t below(RandomKey key, std::uint64_t index, std::uint64_t bound) {
  return (random_words(key, index / 4)[index % 4] * bound) >> 32;
}

}  // namespace polder
