#include "polder/kernels/cpu/random_stream.h"

namespace polder::kernels::cpu {

// A function of its own: inlined into its callers, g++ 12 unrolls the loops over the blocks before
// it could vectorise them.
void stream_words(RandomKey key, std::uint64_t first, std::int64_t count, std::uint32_t* words) {
  std::uint32_t a[kStreamBlocks], b[kStreamBlocks], c[kStreamBlocks], d[kStreamBlocks];
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint64_t block = first + static_cast<std::uint64_t>(i);
    a[i] = static_cast<std::uint32_t>(block);
    b[i] = static_cast<std::uint32_t>(block >> 32);
    c[i] = key.stream;
    d[i] = key.step;
  }
  auto key0 = static_cast<std::uint32_t>(key.seed),
       key1 = static_cast<std::uint32_t>(key.seed >> 32);
  for (int round = 0; round < 10; ++round, key0 += 0x9E3779B9U, key1 += 0xBB67AE85U)
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * a[i];
      const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * c[i];
      a[i] = static_cast<std::uint32_t>(product1 >> 32) ^ b[i] ^ key0;
      b[i] = static_cast<std::uint32_t>(product1);
      c[i] = static_cast<std::uint32_t>(product0 >> 32) ^ d[i] ^ key1;
      d[i] = static_cast<std::uint32_t>(product0);
    }
  for (std::int64_t i = 0; i < count; ++i) {
    words[4 * i] = a[i];
    words[4 * i + 1] = b[i];
    words[4 * i + 2] = c[i];
    words[4 * i + 3] = d[i];
  }
}

}  // namespace polder::kernels::cpu
