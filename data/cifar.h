#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "polder/data/dataset.h"

namespace polder::data {

/// Which label of which set: CIFAR-100 stores a coarse (20 classes) and a fine (100 classes) one.
enum class CifarLabel { cifar10, cifar100_fine, cifar100_coarse };

/// Reads CIFAR files in the "binary version": records of the label byte (CIFAR-10) or the coarse
/// and the fine label byte (CIFAR-100), then 32 x 32 red, green and blue values, plane by plane.
/// Pixels come out as [n, 32, 32, 3]. Several files make one set, in their order. Throws Error
/// naming the file, what was found and what was wanted: missing, empty, larger than 1 GiB, not a
/// whole number of records, a label out of range (both labels are checked). Source: Krizhevsky,
/// "Learning multiple layers of features from tiny images", 2009.
ImageSet read_cifar(const std::vector<std::filesystem::path>& files, CifarLabel label,
                    const std::string& name);
/// One file from memory; `name` stands for it in messages.
ImageSet parse_cifar(std::span<const std::byte> bytes, CifarLabel label, const std::string& name);

/// The published sets: 50000 images to train, 10000 to test. `folder` has the .bin files; when it
/// is empty, $POLDER_DATA or cifar-10-batches-bin or cifar-100-binary in it. Throws Error as
/// read_cifar does, and when the number of images is another.
ImageSet load_cifar10(Part part, const std::filesystem::path& folder = {});
ImageSet load_cifar100(Part part, const std::filesystem::path& folder = {},
                       CifarLabel label = CifarLabel::cifar100_fine);

}  // namespace polder::data
