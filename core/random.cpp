#include "polder/core/random.h"

#include <cmath>
#include <numbers>

namespace polder {

double normal_from(std::uint32_t word0, std::uint32_t word1) {
  // (word + 1) 2^-32 lies in (0, 1], so that the logarithm stays finite.
  const double radius = std::sqrt(-2.0 * std::log((word0 + 1.0) * 0x1p-32));
  return radius * std::cos(2.0 * std::numbers::pi * uniform_from(word1));
}

double normal(RandomKey key, std::uint64_t index) {
  const auto words = random_words(key, index / 2);
  const std::size_t pair = 2 * (index % 2);
  return normal_from(words[pair], words[pair + 1]);
}

}  // namespace polder
