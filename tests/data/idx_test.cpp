#include "polder/data/idx.h"

#include <gmock/gmock.h>

#include <array>
#include <cmath>

#include "data/files.h"
#include "polder/core/random.h"

namespace polder::data {
namespace {

using ::testing::AllOf;
using testing::as_bytes;
using testing::Bytes;
using testing::Folder;
using testing::gzip;
using ::testing::HasSubstr;

void append_word(Bytes& out, std::uint32_t word) {
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(word >> shift));
}

Bytes idx(const std::vector<std::uint32_t>& sizes, const Bytes& data, std::uint32_t magic = 0) {
  Bytes out;
  append_word(out, magic != 0 ? magic : 0x0800U + static_cast<std::uint32_t>(sizes.size()));
  for (const std::uint32_t size : sizes) append_word(out, size);
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

Bytes random_bytes(std::size_t count, std::uint64_t seed, std::uint64_t bound = 256) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i)
    bytes[i] = static_cast<std::uint8_t>(below(random_key(seed, "idx_test"), i, bound));
  return bytes;
}

IdxArray parse(const Bytes& file, int rank) { return parse_idx(as_bytes(file), rank, "a.gz"); }

std::string complaint(const Bytes& file, int rank) {
  return error_of([&] { parse(file, rank); });
}

TEST(Idx, ReadsBackWhatWasWritten) {
  const Bytes pixels = random_bytes(5 * 3 * 7, 1);
  const IdxArray images = parse(gzip(idx({5, 3, 7}, pixels)), 3);
  EXPECT_EQ(images.sizes, (std::vector<std::int64_t>{5, 3, 7}));
  EXPECT_EQ(images.bytes, pixels);
  const IdxArray labels = parse(gzip(idx({4}, {3, 1, 4, 1})), 1);
  EXPECT_EQ(labels.sizes, std::vector<std::int64_t>{4});
  EXPECT_EQ(labels.bytes, (Bytes{3, 1, 4, 1}));
}

TEST(Idx, SizesTakeMoreThanTwoBytes) {
  const Bytes labels = random_bytes(0x12345, 5);
  EXPECT_EQ(parse(gzip(idx({0x12345}, labels)), 1).bytes, labels);
}

TEST(Idx, NamesAWrongMagicNumber) {
  EXPECT_EQ(complaint(gzip(idx({4}, {3, 1, 4, 1})), 3),
            "a.gz: IDX magic number 0x00000801, 0x00000803 wanted");
  EXPECT_EQ(complaint(gzip(idx({4}, {3, 1, 4, 1}, 0x00000d01)), 1),
            "a.gz: IDX magic number 0x00000d01, 0x00000801 wanted");
}

TEST(Idx, NamesWhatIsNotGzip) {
  EXPECT_THAT(complaint(idx({4}, {3, 1, 4, 1}), 1), HasSubstr("a.gz: not a gzip file"));
  EXPECT_THAT(complaint({}, 1), HasSubstr("a.gz: not a gzip file"));
  EXPECT_THAT(complaint({0x1f}, 1), HasSubstr("a.gz: not a gzip file"));
}

TEST(Idx, EveryTruncationIsRefused) {
  const Bytes whole = gzip(idx({6, 2, 3}, random_bytes(36, 2)));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_THAT(complaint(part, 3), HasSubstr("a.gz: ")) << length << " of " << whole.size();
  }
}

// The last bits of a deflate stream pad it to whole bytes: damage there changes nothing.
TEST(Idx, DamageIsRefusedOrChangesNothing) {
  const Bytes pixels = random_bytes(36, 3);
  const Bytes whole = gzip(idx({6, 2, 3}, pixels));
  const std::size_t gzip_header = 10;
  int harmless = 0;
  for (std::size_t i = gzip_header; i < whole.size(); ++i) {
    Bytes damaged = whole;
    damaged[i] ^= 0x10;
    if (complaint(damaged, 3).find("a.gz: ") == 0) continue;
    EXPECT_EQ(parse(damaged, 3).bytes, pixels) << "byte " << i;
    ++harmless;
  }
  EXPECT_LE(harmless, 1);
}

TEST(Idx, DataShorterOrLongerThanTheHeaderSays) {
  EXPECT_EQ(complaint(gzip(idx({5}, {3, 1, 4, 1})), 1),
            "a.gz: truncated: the data end after 12 bytes, 13 wanted");
  EXPECT_EQ(complaint(gzip(idx({3}, {3, 1, 4, 1})), 1),
            "a.gz: more data than the 11 bytes its header announces");
  Bytes trailing = gzip(idx({4}, {3, 1, 4, 1}));
  trailing.insert(trailing.end(), {0, 0, 0});
  EXPECT_EQ(complaint(trailing, 1), "a.gz: 3 bytes after the end of the compressed data");
}

TEST(Idx, RefusesASizeOfZero) {
  EXPECT_EQ(complaint(gzip(idx({0}, {})), 1), "a.gz: its header announces a size of 0");
  EXPECT_EQ(complaint(gzip(idx({2, 0, 4}, {})), 3), "a.gz: its header announces a size of 0");
}

// Were any of these allocated, the test would end in std::bad_alloc, not in an Error.
TEST(Idx, RefusesSizesThatTheFileCannotHold) {
  const std::uint32_t huge = 0x80000000U, most = 0xffffffffU;
  for (const auto& sizes : std::vector<std::vector<std::uint32_t>>{
           {huge, 28, 28}, {most, most, most}, {1, most, most}, {100, 100, 100}}) {
    const Bytes file = gzip(idx(sizes, Bytes(40)));
    ASSERT_LT(file.size(), 100U);
    EXPECT_THAT(complaint(file, 3),
                AllOf(HasSubstr("a.gz: its header announces"), HasSubstr("bytes can hold")));
  }
}

TEST(Idx, ADecompressionBombStopsAtItsHeader) {
  const Bytes bomb = gzip(idx({4}, Bytes(100'000'000)));
  EXPECT_EQ(complaint(bomb, 1), "a.gz: more data than the 12 bytes its header announces");
}

TEST(IdxImages, MakesAnImageSet) {
  const Folder folder;
  const Bytes pixels = random_bytes(3 * 2 * 2, 4);
  const auto images = folder.write("i.gz", gzip(idx({3, 2, 2}, pixels)));
  const auto labels = folder.write("l.gz", gzip(idx({3}, {2, 0, 1})));
  const ImageSet set = read_idx_images(images, labels, "toy", 3);
  EXPECT_EQ(set.name(), "toy");
  EXPECT_EQ(set.size(), 3);
  EXPECT_EQ(set.sample_shape(), (Shape{2, 2, 1}));
  EXPECT_EQ(labels_of(set), (std::vector<std::int64_t>{2, 0, 1}));
  std::array<float, 4> sample{};
  for (std::int64_t i = 0; i < 3; ++i) {
    set.read(i, sample);
    for (std::size_t j = 0; j < 4; ++j)
      EXPECT_EQ(sample[j], static_cast<float>(pixels[static_cast<std::size_t>(i) * 4 + j]) / 255);
  }
  EXPECT_THAT(error_of([&] { set.read(3, sample); }), HasSubstr("toy: sample 3 of 3"));
}

TEST(IdxImages, NamesBadLabelsCountsAndFiles) {
  const Folder folder;
  const auto images = folder.write("i.gz", gzip(idx({3, 2, 2}, Bytes(12))));
  const auto wrong = folder.write("wrong.gz", gzip(idx({3}, {2, 3, 1})));
  const auto few = folder.write("few.gz", gzip(idx({2}, {2, 1})));
  const auto read = [&](const std::filesystem::path& labels) {
    return error_of([&] { read_idx_images(images, labels, "toy", 3); });
  };
  EXPECT_EQ(read(wrong), wrong.string() + ": sample 1 has label 3, labels 0 to 2 wanted");
  EXPECT_EQ(read(few), images.string() + ": 3 images, but " + few.string() + " has 2 labels");
  EXPECT_EQ(read(folder.path() / "none.gz"), (folder.path() / "none.gz: no such file").string());
  EXPECT_EQ(read(folder.path()), folder.path().string() + ": not a regular file");
}

TEST(FashionMnist, MissingFolderIsNamed) {
  const Folder folder;
  EXPECT_THAT(error_of([&] { load_fashion_mnist(Part::train, folder.path()); }),
              AllOf(HasSubstr(folder.path().string()), HasSubstr("train-images-idx3-ubyte.gz")));
}

TEST(FashionMnist, PolderDataComesBeforeDebiansPlace) {
  const Folder folder;
  folder.write("train-images-idx3-ubyte.gz", {});
  ::setenv("POLDER_DATA", folder.path().c_str(), 1);
  const auto found = find_fashion_mnist();
  ::unsetenv("POLDER_DATA");
  EXPECT_EQ(found, folder.path());
}

// The published numbers of the set: 28 x 28, 6000 and 1000 a class, mean 0.2860, deviation 0.3530.
TEST(FashionMnist, HasItsPublishedNumbers) {
  std::filesystem::path folder;
  try {
    folder = find_fashion_mnist();
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  for (const Part part : {Part::train, Part::test}) {
    const ImageSet set = load_fashion_mnist(part, folder);
    const std::int64_t per_class = part == Part::train ? 6000 : 1000;
    EXPECT_EQ(set.sample_shape(), (Shape{28, 28, 1}));
    EXPECT_EQ(set.size(), 10 * per_class);
    std::array<std::int64_t, 10> counts{};
    for (const std::int64_t label : set.labels()) ++counts[static_cast<std::size_t>(label)];
    for (const std::int64_t count : counts) EXPECT_EQ(count, per_class);
    if (part == Part::test) continue;

    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < set.size(); ++i)
      for (const std::uint8_t pixel : set.pixels(i)) {
        sum += pixel;
        squares += static_cast<double>(pixel) * pixel;
      }
    const double count = 60000.0 * 784, mean = sum / count;
    EXPECT_NEAR(mean / 255, 0.2860, 5e-5);
    EXPECT_NEAR(std::sqrt(squares / count - mean * mean) / 255, 0.3530, 5e-5);
    EXPECT_EQ(set.label(0), 9);  // an ankle boot
  }
}

}  // namespace
}  // namespace polder::data
