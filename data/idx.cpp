#include "polder/data/idx.h"

#define ZLIB_CONST
#include <zlib.h>

#include <algorithm>
#include <array>

#include "polder/core/error.h"
#include "polder/data/file.h"

namespace polder::data {
namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kMaxDataBytes = std::uint64_t{1} << 32;
/// One compressed byte never stands for more than this many bytes (zlib's technical notes: 1032).
constexpr std::uint64_t kMaxInflation = 1032;
constexpr int kExpectGzipHeader = 16;

/// Decompresses one gzip member piece by piece.
class GzipReader {
 public:
  GzipReader(std::span<const std::byte> gzip, const std::string& name) : name_(name) {
    require(gzip.size() >= 2 && gzip[0] == std::byte{0x1f} && gzip[1] == std::byte{0x8b},
            "{}: not a gzip file (first bytes 1f 8b wanted)", name_);
    stream_.next_in = reinterpret_cast<const Bytef*>(gzip.data());
    stream_.avail_in = static_cast<uInt>(gzip.size());
    require(inflateInit2(&stream_, MAX_WBITS + kExpectGzipHeader) == Z_OK,
            "{}: no memory to decompress", name_);
  }
  ~GzipReader() { inflateEnd(&stream_); }
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  /// Fills `out`; Error when the data end before.
  void read(std::span<std::uint8_t> out) {
    const std::size_t wanted = done_ + out.size();
    const std::size_t found = read_some(out);
    require(found == out.size(), "{}: truncated: the data end after {} bytes, {} wanted", name_,
            done_, wanted);
  }

  /// Error unless the data end here, with the right checksum and nothing behind.
  void finish() {
    const std::size_t announced = done_;
    std::uint8_t extra = 0;
    const bool more = read_some({&extra, 1}) > 0;
    require(!more, "{}: more data than the {} bytes its header announces", name_, announced);
    require(ended_, "{}: truncated: the gzip checksum is missing", name_);
    require(stream_.avail_in == 0, "{}: {} bytes after the end of the compressed data", name_,
            stream_.avail_in);
  }

 private:
  /// zlib counts in 32 bits, so that large outputs are made in pieces.
  std::size_t read_some(std::span<std::uint8_t> out) {
    std::size_t found = 0;
    while (found < out.size() && !ended_) {
      const auto piece = static_cast<uInt>(std::min<std::size_t>(out.size() - found, 1U << 30));
      stream_.next_out = out.data() + found;
      stream_.avail_out = piece;
      const int status = inflate(&stream_, Z_NO_FLUSH);
      const std::size_t made = piece - stream_.avail_out;
      found += made;
      done_ += made;
      ended_ = status == Z_STREAM_END;
      if (status == Z_BUF_ERROR) break;
      require(ended_ || status == Z_OK, "{}: damaged gzip data after {} bytes: {}", name_, done_,
              stream_.msg != nullptr ? stream_.msg : "cannot go on");
    }
    return found;
  }

  const std::string& name_;
  z_stream stream_{};
  std::size_t done_ = 0;
  bool ended_ = false;
};

std::uint32_t big_endian(std::span<const std::uint8_t> four) {
  return std::uint32_t{four[0]} << 24 | std::uint32_t{four[1]} << 16 | std::uint32_t{four[2]} << 8 |
         four[3];
}

/// Product of the sizes; Error when a size is zero or the product is too large to believe.
std::uint64_t checked_bytes(const std::vector<std::int64_t>& sizes, std::size_t file_bytes,
                            const std::string& name) {
  const std::uint64_t limit = std::min<std::uint64_t>(kMaxDataBytes, file_bytes * kMaxInflation);
  std::uint64_t bytes = 1;
  for (const std::int64_t size : sizes) {
    require(size > 0, "{}: its header announces a size of 0", name);
    bytes *= static_cast<std::uint64_t>(size);
    require(bytes <= limit,
            "{}: its header announces {} items and at least {} bytes, more than its {} bytes can "
            "hold (at most {})",
            name, sizes[0], bytes, file_bytes, limit);
  }
  return bytes;
}

}  // namespace

IdxArray parse_idx(std::span<const std::byte> gzip, int rank, const std::string& name) {
  require(rank >= 1 && rank <= 3, "parse_idx: {} axes, 1 to 3 wanted", rank);
  require(gzip.size() <= kMaxFileBytes, "{}: {} bytes, at most {} wanted", name, gzip.size(),
          kMaxFileBytes);
  GzipReader reader(gzip, name);
  const auto read_word = [&reader] {
    std::array<std::uint8_t, 4> four{};
    reader.read(four);
    return big_endian(four);
  };
  const std::uint32_t magic = read_word();
  const std::uint32_t wanted = 0x0800U | static_cast<std::uint32_t>(rank);
  require(magic == wanted, "{}: IDX magic number 0x{:08x}, 0x{:08x} wanted", name, magic, wanted);

  IdxArray array;
  for (int axis = 0; axis < rank; ++axis) array.sizes.push_back(read_word());
  array.bytes.resize(checked_bytes(array.sizes, gzip.size(), name));
  reader.read(array.bytes);
  reader.finish();
  return array;
}

IdxArray read_idx(const std::filesystem::path& file, int rank) {
  return parse_idx(read_file(file, kMaxFileBytes), rank, file.string());
}

ImageSet read_idx_images(const std::filesystem::path& images, const std::filesystem::path& labels,
                         const std::string& name, std::int64_t classes) {
  IdxArray pixels = read_idx(images, 3);
  const IdxArray marks = read_idx(labels, 1);
  require(pixels.sizes[0] == marks.sizes[0], "{}: {} images, but {} has {} labels", images.string(),
          pixels.sizes[0], labels.string(), marks.sizes[0]);
  for (std::size_t i = 0; i < marks.bytes.size(); ++i)
    require(marks.bytes[i] < classes, "{}: sample {} has label {}, labels 0 to {} wanted",
            labels.string(), i, marks.bytes[i], classes - 1);
  return ImageSet(name, Shape{pixels.sizes[1], pixels.sizes[2], 1}, std::move(pixels.bytes),
                  {marks.bytes.begin(), marks.bytes.end()}, classes);
}

std::filesystem::path find_fashion_mnist(const std::filesystem::path& folder) {
  return find_data({.what = "Fashion-MNIST",
                    .file = "train-images-idx3-ubyte.gz",
                    .subfolder = "fashion-mnist",
                    .usual = "/usr/share/datasets/fashion-mnist",
                    .advice = "install Debian's dataset-fashion-mnist or name the folder"},
                   folder);
}

ImageSet load_fashion_mnist(Part part, const std::filesystem::path& folder) {
  const auto place = find_fashion_mnist(folder);
  const std::string stem = part == Part::train ? "train" : "t10k";
  return read_idx_images(place / (stem + "-images-idx3-ubyte.gz"),
                         place / (stem + "-labels-idx1-ubyte.gz"), "fashion-mnist", 10);
}

}  // namespace polder::data
