#include "polder/app/terminal.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "app/temporary_folder.h"
#include "polder/app/files.h"

namespace polder::app {
namespace {

TEST(Columns, CountWhatIsSeen) {
  EXPECT_EQ(columns_of("abc"), 3U);
  EXPECT_EQ(columns_of("━━ 5 ±"), 6U);
  EXPECT_EQ(columns_of("\x1b[36m━━\x1b[0m!"), 3U);
}

TEST(Columns, CuttingKeepsColourCodes) {
  EXPECT_EQ(cut_to("\x1b[36mabcdef\x1b[0m", 3), "\x1b[36mabc\x1b[0m");
  EXPECT_EQ(cut_to("━━━", 2), "━━");
  EXPECT_EQ(pad("±", 3), "±  ");
  EXPECT_EQ(pad("±", 3, true), "  ±");
  EXPECT_EQ(pad("long", 2), "long");
}

TEST(Clock, ReadsLikeAClock) {
  EXPECT_EQ(clock_text(0), "0:00");
  EXPECT_EQ(clock_text(59.6), "1:00");
  EXPECT_EQ(clock_text(727), "12:07");
  EXPECT_EQ(clock_text(10930), "3:02:10");
  EXPECT_EQ(clock_text(-1), "-:--");
}

TEST(ShortNumber, HasThreeDigits) {
  EXPECT_EQ(short_number(42), "42");
  EXPECT_EQ(short_number(999.4), "999");
  EXPECT_EQ(short_number(8214), "8.21k");
  EXPECT_EQ(short_number(1.3e6), "1.3M");
}

TEST(Screen, WritesPlainLinesIntoAFile) {
  const TemporaryFolder folder;
  const std::string path = (folder / "out").string();
  std::FILE* file = std::fopen(path.c_str(), "w");
  {
    Screen screen(file);
    EXPECT_FALSE(screen.live());
    screen.draw({"never seen"});
    screen.print(screen.bold("hello") + " " + screen.bar(0.5, 4));
  }
  std::fclose(file);
  EXPECT_EQ(read_file(path), "hello ━━──\n");
}

}  // namespace
}  // namespace polder::app
