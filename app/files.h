#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace polder::app {

namespace fs = std::filesystem;

/// The whole file. Throws Error naming the file and the reason.
std::string read_file(const fs::path& path);

/// All or nothing: writes a temporary file in the same folder, fsyncs it, renames it over `path`
/// and fsyncs the folder. Whatever was at `path` stays there until the new contents are complete,
/// also on a full disk or a killed process. Throws Error naming the file and the reason.
void write_file_atomically(const fs::path& path, std::string_view contents);

/// Makes the folder and its parents. Throws Error naming the folder and the reason.
void make_folders(const fs::path& folder);

/// A text file that grows line by line; every line has reached the system when `append` returns.
class AppendFile {
 public:
  /// Opens or creates the file and cuts it to `size` bytes. Throws Error when it is shorter.
  AppendFile(const fs::path& path, std::uint64_t size);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  /// Adds the line and a newline. Throws Error naming the file and the reason.
  void append(std::string_view line);
  /// Waits until everything appended so far is on the disk.
  void sync();
  std::uint64_t size() const { return size_; }

 private:
  fs::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

/// Holds a folder for one process at a time. The lock goes with the process, however it ends.
class FolderLock {
 public:
  /// Throws Error when another process holds the folder.
  explicit FolderLock(const fs::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace polder::app
