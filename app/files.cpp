#include "polder/app/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "polder/core/error.h"

namespace polder::app {
namespace {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : value_(::open(path.c_str(), flags, 0644)) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }
  bool open() const { return value_ >= 0; }

 private:
  int value_;
};

std::string reason() { return std::strerror(errno); }

/// Throws with the system's reason, which must still be in errno: hence not `require`, whose
/// arguments may be evaluated before the call that fails.
[[noreturn]] void fail_with_reason(std::string_view action, const fs::path& path) {
  const std::string why = reason();
  fail("{} {}: {}", action, path.string(), why);
}

bool write_all(int descriptor, std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t written = ::write(descriptor, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    contents.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool sync_folder(const fs::path& folder) {
  const Descriptor handle(folder.empty() ? fs::path(".") : folder, O_RDONLY | O_DIRECTORY);
  return handle.open() && ::fsync(handle.get()) == 0;
}

}  // namespace

std::string read_file(const fs::path& path) {
  const Descriptor file(path, O_RDONLY | O_CLOEXEC);
  if (!file.open()) fail_with_reason("read_file: cannot open", path);
  struct stat status {};
  require(::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode),
          "read_file: {} is not a regular file", path.string());
  std::string contents(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t filled = 0;
  while (filled < contents.size()) {
    const ssize_t got = ::read(file.get(), contents.data() + filled, contents.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_with_reason("read_file: cannot read", path);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  contents.resize(filled);
  return contents;
}

void write_file_atomically(const fs::path& path, std::string_view contents) {
  const fs::path temporary = path.string() + ".tmp";
  bool complete = false;
  std::string why;
  {
    const Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
    complete = file.open() && write_all(file.get(), contents) && ::fsync(file.get()) == 0;
    if (!complete) why = reason();
  }
  if (complete && ::rename(temporary.c_str(), path.c_str()) != 0) {
    why = reason();
    complete = false;
  }
  if (!complete) {
    ::unlink(temporary.c_str());
    fail("write: cannot write {}: {}", path.string(), why);
  }
  if (!sync_folder(path.parent_path())) fail_with_reason("write: cannot sync the folder of", path);
}

void make_folders(const fs::path& folder) {
  std::error_code problem;
  fs::create_directories(folder, problem);
  require(!problem && fs::is_directory(folder), "make_folders: cannot make {}: {}", folder.string(),
          problem ? problem.message() : "a file is in the way");
}

AppendFile::AppendFile(const fs::path& path, std::uint64_t size) : path_(path), size_(size) {
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail_with_reason("append: cannot open", path);
  const auto found = ::lseek(descriptor_, 0, SEEK_END);
  const bool long_enough = found >= 0 && static_cast<std::uint64_t>(found) >= size;
  const auto position = static_cast<off_t>(size);
  const bool ready = long_enough && ::ftruncate(descriptor_, position) == 0 &&
                     ::lseek(descriptor_, position, SEEK_SET) == position;
  if (ready) return;
  const std::string why = long_enough ? reason() : "it is shorter than the checkpoint says";
  ::close(descriptor_);
  fail("append: cannot continue {} at byte {}: {}", path.string(), size, why);
}

AppendFile::~AppendFile() { ::close(descriptor_); }

void AppendFile::append(std::string_view line) {
  const std::string text = std::string(line) + '\n';
  if (!write_all(descriptor_, text)) fail_with_reason("append: cannot write", path_);
  size_ += text.size();
}

void AppendFile::sync() {
  if (::fsync(descriptor_) != 0) fail_with_reason("append: cannot sync", path_);
}

FolderLock::FolderLock(const fs::path& folder) {
  const fs::path path = folder / ".lock";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail_with_reason("lock: cannot open", path);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  ::close(descriptor_);
  fail("lock: another polder is writing to {}; wait for it or choose another folder",
       folder.string());
}

FolderLock::~FolderLock() { ::close(descriptor_); }

}  // namespace polder::app
