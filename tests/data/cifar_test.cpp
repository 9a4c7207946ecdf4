#include "polder/data/cifar.h"

#include <gmock/gmock.h>

#include "data/files.h"
#include "polder/core/random.h"

namespace polder::data {
namespace {

using ::testing::AllOf;
using testing::as_bytes;
using testing::Bytes;
using testing::Folder;
using ::testing::HasSubstr;

constexpr std::size_t kPlane = 32 * 32;

/// Value of a pixel in the generated files: a function of where it is.
std::uint8_t pixel(std::size_t image, std::size_t channel, std::size_t position) {
  return static_cast<std::uint8_t>(
      random_words(random_key(image, "cifar_test"), channel * kPlane + position)[0]);
}

void append_image(Bytes& file, const Bytes& labels, std::size_t image) {
  file.insert(file.end(), labels.begin(), labels.end());
  for (std::size_t channel = 0; channel < 3; ++channel)
    for (std::size_t i = 0; i < kPlane; ++i) file.push_back(pixel(image, channel, i));
}

TEST(Cifar, ReadsPlanesAsChannelsLast) {
  Bytes file;
  for (std::size_t i = 0; i < 3; ++i) append_image(file, {static_cast<std::uint8_t>(9 - i)}, i);
  const ImageSet set = parse_cifar(as_bytes(file), CifarLabel::cifar10, "a.bin");
  EXPECT_EQ(set.sample_shape(), (Shape{32, 32, 3}));
  EXPECT_EQ(set.classes(), 10);
  EXPECT_EQ(labels_of(set), (std::vector<std::int64_t>{9, 8, 7}));
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t p = 0; p < kPlane; ++p)
      for (std::size_t channel = 0; channel < 3; ++channel)
        ASSERT_EQ(set.pixels(static_cast<std::int64_t>(i))[3 * p + channel], pixel(i, channel, p));
}

TEST(Cifar, ChoosesFineOrCoarseLabels) {
  Bytes file;
  append_image(file, {19, 99}, 0);
  append_image(file, {4, 30}, 1);
  const ImageSet fine = parse_cifar(as_bytes(file), CifarLabel::cifar100_fine, "a.bin");
  const ImageSet coarse = parse_cifar(as_bytes(file), CifarLabel::cifar100_coarse, "a.bin");
  EXPECT_EQ(labels_of(fine), (std::vector<std::int64_t>{99, 30}));
  EXPECT_EQ(labels_of(coarse), (std::vector<std::int64_t>{19, 4}));
  EXPECT_EQ(fine.classes(), 100);
  EXPECT_EQ(coarse.classes(), 20);
  EXPECT_EQ(fine.pixels(1)[5], pixel(1, 2, 1));
}

TEST(Cifar, NamesBadSizesAndLabels) {
  Bytes file;
  append_image(file, {3}, 0);
  append_image(file, {10}, 1);
  const auto complaint = [&](const Bytes& bytes, CifarLabel label) {
    return error_of([&] { parse_cifar(as_bytes(bytes), label, "a.bin"); });
  };
  EXPECT_EQ(complaint(file, CifarLabel::cifar10),
            "a.bin: image 1 has label 10, labels 0 to 9 wanted");
  EXPECT_EQ(complaint(file, CifarLabel::cifar100_fine),
            "a.bin: 6146 bytes, a multiple of 3074 (one image) wanted");
  file.pop_back();
  EXPECT_EQ(complaint(file, CifarLabel::cifar10),
            "a.bin: 6145 bytes, a multiple of 3073 (one image) wanted");
  EXPECT_EQ(complaint({}, CifarLabel::cifar10),
            "a.bin: 0 bytes, a multiple of 3073 (one image) wanted");
  Bytes hundred;
  append_image(hundred, {20, 5}, 0);
  EXPECT_EQ(complaint(hundred, CifarLabel::cifar100_fine),
            "a.bin: image 0 has label 20, labels 0 to 19 wanted");
}

// Holes read as zeros, so that files of the published size cost no disk.
std::filesystem::path write_blank(const Folder& folder, const std::string& name, std::size_t images,
                                  std::size_t record) {
  const auto file = folder.write(name, {});
  std::filesystem::resize_file(file, images * record);
  return file;
}

TEST(Cifar, LoadsThePublishedFilesInOrder) {
  const Folder folder;
  for (int i = 1; i <= 5; ++i) {
    const auto file = write_blank(folder, "data_batch_" + std::to_string(i) + ".bin", 10000, 3073);
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary)
        .put(static_cast<char>(i));  // label of the first image
  }
  write_blank(folder, "test_batch.bin", 10000, 3073);
  const ImageSet train = load_cifar10(Part::train, folder.path());
  EXPECT_EQ(train.size(), 50000);
  for (std::int64_t i = 0; i < 5; ++i) EXPECT_EQ(train.label(10000 * i), i + 1);
  EXPECT_EQ(load_cifar10(Part::test, folder.path()).size(), 10000);
}

TEST(Cifar, NamesAMissingOrShortSet) {
  const Folder folder;
  EXPECT_THAT(
      error_of([&] { load_cifar10(Part::train, folder.path()); }),
      AllOf(HasSubstr("CIFAR-10: data_batch_1.bin not found in " + folder.path().string())));
  write_blank(folder, "train.bin", 7, 3074);
  EXPECT_EQ(error_of([&] { load_cifar100(Part::train, folder.path()); }),
            "cifar-100: 7 images in " + folder.path().string() + ", 50000 wanted");
  EXPECT_EQ(error_of([&] { load_cifar100(Part::test, folder.path()); }),
            (folder.path() / "test.bin: no such file").string());
}

}  // namespace
}  // namespace polder::data
