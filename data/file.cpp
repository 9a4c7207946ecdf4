#include "polder/data/file.h"

#include <cstdlib>
#include <fstream>
#include <system_error>

#include "polder/core/error.h"

namespace polder::data {

std::vector<std::byte> read_file(const std::filesystem::path& file, std::uintmax_t limit) {
  std::error_code status;
  const bool regular = std::filesystem::is_regular_file(file, status);
  require(std::filesystem::exists(file, status), "{}: no such file", file.string());
  require(regular, "{}: not a regular file", file.string());
  const std::uintmax_t size = std::filesystem::file_size(file, status);
  require(!status, "{}: size unknown: {}", file.string(), status.message());
  require(size <= limit, "{}: {} bytes, at most {} wanted", file.string(), size, limit);

  std::ifstream stream(file, std::ios::binary);
  require(stream.is_open(), "{}: cannot be opened for reading", file.string());
  std::vector<std::byte> bytes(size);
  stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  require(stream.gcount() == static_cast<std::streamsize>(size),
          "{}: only {} of {} bytes could be read", file.string(), stream.gcount(), size);
  return bytes;
}

std::filesystem::path find_data(const DataPlace& place, const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> candidates;
  if (!folder.empty()) {
    candidates.push_back(folder);
  } else {
    const char* const home = std::getenv("POLDER_DATA");
    if (home != nullptr && *home != '\0')
      candidates = {std::filesystem::path(home) / place.subfolder, home};
    if (!place.usual.empty()) candidates.emplace_back(place.usual);
  }
  std::string tried;
  for (const auto& candidate : candidates) {
    std::error_code ignored;
    if (std::filesystem::exists(candidate / place.file, ignored)) return candidate;
    tried += (tried.empty() ? "" : ", ") + candidate.string();
  }
  fail("{}: {} not found in {}: {}", place.what, place.file,
       tried.empty() ? "any folder (none was named)" : tried, place.advice);
}

}  // namespace polder::data
