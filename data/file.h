#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

namespace polder::data {

/// Contents of a regular file of at most `limit` bytes.
/// Throws Error when it is missing, not a regular file, larger, or cannot be read to its end.
std::vector<std::byte> read_file(const std::filesystem::path& file, std::uintmax_t limit);

}  // namespace polder::data
