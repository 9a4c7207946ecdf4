#include "polder/app/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/full_disk.h"
#include "app/temporary_folder.h"
#include "test_support.h"

namespace polder::app {
namespace {

using ::testing::HasSubstr;

TEST(WriteFileAtomically, ReplacesTheWholeFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", std::string(1000, 'x'));
  write_file_atomically(folder / "a", std::string("short\0text", 10));
  EXPECT_EQ(read_file(folder / "a"), std::string("short\0text", 10));
  EXPECT_FALSE(fs::exists(folder / "a.tmp"));
}

TEST(WriteFileAtomically, FullDiskKeepsTheOldFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  const std::string sentence = sentence_on_full_disk(
      5000, [&] { write_file_atomically(folder / "a", std::string(100000, 'x')); });
  EXPECT_THAT(sentence, HasSubstr((folder / "a").string() + ": File too large"));
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_FALSE(fs::exists(folder / "a.tmp"));
}

TEST(WriteFileAtomically, NamesAFolderThatIsMissing) {
  EXPECT_THAT(error_of([] { write_file_atomically("/nonexistent/a", "x"); }),
              HasSubstr("/nonexistent/a: No such file or directory"));
}

TEST(ReadFile, NamesWhatIsWrong) {
  EXPECT_THAT(error_of([] { read_file("/nonexistent"); }), HasSubstr("No such file"));
  EXPECT_THAT(error_of([] { read_file("/tmp"); }), HasSubstr("not a regular file"));
}

TEST(AppendFile, CutsWhatTheCheckpointDoesNotKnow) {
  const TemporaryFolder folder;
  {
    AppendFile file(folder / "lines", 0);
    file.append("one");
    file.append("two");
    EXPECT_EQ(file.size(), 8U);
  }
  {
    AppendFile file(folder / "lines", 4);
    EXPECT_EQ(read_file(folder / "lines"), "one\n");
    file.append("three");
  }
  EXPECT_EQ(read_file(folder / "lines"), "one\nthree\n");
  EXPECT_THAT(error_of([&] { AppendFile(folder / "lines", 11); }), HasSubstr("shorter"));
  EXPECT_EQ(read_file(folder / "lines"), "one\nthree\n");
}

TEST(AppendFile, FullDiskIsASentence) {
  const TemporaryFolder folder;
  const std::string sentence = sentence_on_full_disk(100, [&] {
    AppendFile file(folder / "lines", 0);
    for (int i = 0; i < 100; ++i) file.append("0123456789");
  });
  EXPECT_THAT(sentence, HasSubstr("lines: File too large"));
  const std::string sentence_device = error_of([] { AppendFile("/dev/full", 0).append("x"); });
  EXPECT_THAT(sentence_device, HasSubstr("/dev/full"));
}

TEST(FolderLock, OneHolderAtATime) {
  const TemporaryFolder folder;
  {
    const FolderLock first(folder.path());
    EXPECT_THAT(error_of([&] { FolderLock second(folder.path()); }), HasSubstr("another polder"));
  }
  EXPECT_EQ(error_of([&] { FolderLock second(folder.path()); }), "");
}

TEST(MakeFolders, NamesAFileInTheWay) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "x");
  EXPECT_NE(error_of([&] { make_folders(folder / "a" / "b"); }), "");
  EXPECT_NE(error_of([&] { make_folders(folder / "a"); }), "");
  make_folders(folder / "b" / "c");
  EXPECT_TRUE(fs::is_directory(folder / "b" / "c"));
}

}  // namespace
}  // namespace polder::app
