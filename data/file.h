#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace polder::data {

/// Contents of a regular file of at most `limit` bytes.
/// Throws Error when it is missing, not a regular file, larger, or cannot be read to its end.
std::vector<std::byte> read_file(const std::filesystem::path& file, std::uintmax_t limit);

/// Where a published data set is looked for.
struct DataPlace {
  std::string what;       // its name
  std::string file;       // the folder is the one that has this file
  std::string subfolder;  // its usual folder inside $POLDER_DATA
  std::string usual;      // where a package of the system puts it, or ""
  std::string advice;     // what to do when it is missing
};

/// `folder` when given, else the first of $POLDER_DATA/subfolder, $POLDER_DATA and `usual` that has
/// the file. Throws Error naming the places that were tried, and the advice.
std::filesystem::path find_data(const DataPlace& place, const std::filesystem::path& folder);

}  // namespace polder::data
