// First byte: bits 0-1 choose the number of axes; bit 2 set means that the rest is compressed
// before it is parsed, so that the fuzzer reaches the header without having to guess checksums.
#include "polder/data/idx.h"

#define ZLIB_CONST
#include <zlib.h>

#include <numeric>

#include "fuzz.h"

namespace {

std::vector<std::byte> gzip(std::span<const std::byte> bytes) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  std::vector<std::byte> out(deflateBound(&stream, bytes.size()) + 32);
  stream.next_in = reinterpret_cast<const Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const int rank = 1 + data[0] % 4 % 3;
  auto file = std::as_bytes(std::span(data, size).subspan(1));
  std::vector<std::byte> compressed;
  if ((data[0] & 4) != 0) file = compressed = gzip(file);
  polder::fuzz::accept_or_refuse([&] {
    const auto array = polder::data::parse_idx(file, rank, "input");
    polder::fuzz::promise(static_cast<int>(array.sizes.size()) == rank, "one size per axis");
    const auto product = std::accumulate(array.sizes.begin(), array.sizes.end(), std::int64_t{1},
                                         std::multiplies<>());
    polder::fuzz::promise(product > 0 && static_cast<std::size_t>(product) == array.bytes.size(),
                          "as many bytes as the sizes say");
  });
  return 0;
}
