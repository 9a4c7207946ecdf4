#include "polder/data/cifar.h"

#include <cstdint>

#include "polder/core/error.h"
#include "polder/data/file.h"

namespace polder::data {
namespace {

constexpr std::uintmax_t kMaxFileBytes = std::uintmax_t{1} << 30;
constexpr std::size_t kSide = 32, kPlane = kSide * kSide, kImage = 3 * kPlane;

/// Label bytes of a record: how many there are, their bounds, and which of them is read.
struct Layout {
  std::vector<std::int64_t> classes;
  std::size_t chosen;

  std::size_t record() const { return classes.size() + kImage; }
};

Layout layout_of(CifarLabel label) {
  if (label == CifarLabel::cifar10) return {{10}, 0};
  return {{20, 100}, label == CifarLabel::cifar100_coarse ? 0U : 1U};
}

struct Records {
  std::vector<std::uint8_t> pixels;
  std::vector<std::int64_t> labels;
};

void check_labels(std::span<const std::byte> record, const Layout& layout, std::size_t position,
                  const std::string& name) {
  for (std::size_t i = 0; i < layout.classes.size(); ++i) {
    const auto label = std::to_integer<std::int64_t>(record[i]);
    require(label < layout.classes[i], "{}: image {} has label {}, labels 0 to {} wanted", name,
            position, label, layout.classes[i] - 1);
  }
}

void append(Records& records, std::span<const std::byte> bytes, const Layout& layout,
            const std::string& name) {
  const std::size_t size = layout.record();
  require(!bytes.empty() && bytes.size() % size == 0,
          "{}: {} bytes, a multiple of {} (one image) wanted", name, bytes.size(), size);
  const std::size_t count = bytes.size() / size;
  const std::size_t first = records.labels.size();
  records.labels.resize(first + count);
  records.pixels.resize((first + count) * kImage);
  for (std::size_t i = 0; i < count; ++i) {
    const auto record = bytes.subspan(i * size, size);
    check_labels(record, layout, i, name);
    records.labels[first + i] = std::to_integer<std::int64_t>(record[layout.chosen]);
    const auto planes = record.subspan(layout.classes.size());
    std::uint8_t* const image = records.pixels.data() + (first + i) * kImage;
    for (std::size_t j = 0; j < kImage; ++j)
      image[j] = std::to_integer<std::uint8_t>(planes[j % 3 * kPlane + j / 3]);
  }
}

ImageSet set_of(Records records, const Layout& layout, const std::string& name) {
  const auto side = static_cast<std::int64_t>(kSide);
  return {name, Shape{side, side, 3}, std::move(records.pixels), std::move(records.labels),
          layout.classes[layout.chosen]};
}

ImageSet published(const std::vector<std::filesystem::path>& files, CifarLabel label,
                   const std::string& name, std::int64_t wanted) {
  ImageSet set = read_cifar(files, label, name);
  require(set.size() == wanted, "{}: {} images in {}, {} wanted", name, set.size(),
          files.front().parent_path().string(), wanted);
  return set;
}

}  // namespace

ImageSet parse_cifar(std::span<const std::byte> bytes, CifarLabel label, const std::string& name) {
  const Layout layout = layout_of(label);
  Records records;
  append(records, bytes, layout, name);
  return set_of(std::move(records), layout, name);
}

ImageSet read_cifar(const std::vector<std::filesystem::path>& files, CifarLabel label,
                    const std::string& name) {
  const Layout layout = layout_of(label);
  Records records;
  for (const auto& file : files)
    append(records, read_file(file, kMaxFileBytes), layout, file.string());
  return set_of(std::move(records), layout, name);
}

ImageSet load_cifar10(Part part, const std::filesystem::path& folder) {
  const auto place = find_data({.what = "CIFAR-10",
                                .file = "data_batch_1.bin",
                                .subfolder = "cifar-10-batches-bin",
                                .usual = "",
                                .advice = "unpack cifar-10-binary.tar.gz and name its folder"},
                               folder);
  if (part == Part::test)
    return published({place / "test_batch.bin"}, CifarLabel::cifar10, "cifar-10", 10000);
  std::vector<std::filesystem::path> files;
  for (int i = 1; i <= 5; ++i)
    files.push_back(place / ("data_batch_" + std::to_string(i) + ".bin"));
  return published(files, CifarLabel::cifar10, "cifar-10", 50000);
}

ImageSet load_cifar100(Part part, const std::filesystem::path& folder, CifarLabel label) {
  require(label != CifarLabel::cifar10,
          "load_cifar100: the label of CIFAR-10, cifar100_fine or cifar100_coarse wanted");
  const auto place = find_data({.what = "CIFAR-100",
                                .file = "train.bin",
                                .subfolder = "cifar-100-binary",
                                .usual = "",
                                .advice = "unpack cifar-100-binary.tar.gz and name its folder"},
                               folder);
  return part == Part::train ? published({place / "train.bin"}, label, "cifar-100", 50000)
                             : published({place / "test.bin"}, label, "cifar-100", 10000);
}

}  // namespace polder::data
