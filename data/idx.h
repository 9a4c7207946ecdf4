#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "polder/data/dataset.h"

namespace polder::data {

/// Unsigned bytes with up to three sizes, as the IDX format stores them.
struct IdxArray {
  std::vector<std::int64_t> sizes;
  std::vector<std::uint8_t> bytes;
};

/// Reads a gzip-compressed IDX file of unsigned bytes with `rank` axes (1: labels, 3: images).
/// Big-endian header: 0, 0, type 8, rank, then one 32-bit size per axis; then the bytes.
/// Memory follows the file: sizes that so few compressed bytes cannot hold are refused before
/// anything is allocated, and decompression stops where the header says the data end.
/// Throws Error naming the file, what was found and what was wanted: missing, too large, not gzip,
/// wrong magic number, sizes of zero or too large, truncated, damaged (checksum), bytes left over.
/// Source: the format description on the MNIST page of LeCun, Cortes, Burges.
IdxArray read_idx(const std::filesystem::path& file, int rank);
/// The same from memory; `name` stands for the file in messages.
IdxArray parse_idx(std::span<const std::byte> gzip, int rank, const std::string& name);

/// An image file and a label file as one set of grey images [n, height, width, 1].
/// Throws Error as read_idx does, and when the counts differ or a label is not below `classes`.
ImageSet read_idx_images(const std::filesystem::path& images, const std::filesystem::path& labels,
                         const std::string& name, std::int64_t classes);

/// Folder of Fashion-MNIST: `folder` when given, else $POLDER_DATA (or fashion-mnist in it), else
/// where Debian's package dataset-fashion-mnist puts it. Throws Error when the files are not there.
std::filesystem::path find_fashion_mnist(const std::filesystem::path& folder = {});

/// Fashion-MNIST: 28 x 28 grey images of 10 kinds of clothes, 60000 to train and 10000 to test.
/// Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST: a novel image dataset ...", 2017.
ImageSet load_fashion_mnist(Part part, const std::filesystem::path& folder = {});

}  // namespace polder::data
