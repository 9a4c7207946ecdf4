#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace polder::app {

/// Columns that a UTF-8 text takes, colour codes not counted.
std::size_t columns_of(std::string_view text);
/// The text cut to `columns`, colour codes kept.
std::string cut_to(std::string_view text, std::size_t columns);
/// The text with spaces behind (or before) it, up to `columns`.
std::string pad(std::string_view text, std::size_t columns, bool right = false);

/// Where a command writes: lines that stay, and below them live lines that are drawn again in
/// place. Without a terminal there are no live lines and no colours.
class Screen {
 public:
  explicit Screen(std::FILE* stream = stdout);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  bool live() const { return live_; }
  std::size_t width() const;
  /// A line that stays.
  void print(std::string_view line);
  /// Replaces the live lines.
  void draw(const std::vector<std::string>& lines);

  // Colours; plain text without a terminal or with NO_COLOR.
  std::string bold(std::string_view text) const { return coloured("1", text); }
  std::string dim(std::string_view text) const { return coloured("2", text); }
  std::string accent(std::string_view text) const { return coloured("36", text); }
  std::string good(std::string_view text) const { return coloured("32", text); }
  std::string bad(std::string_view text) const { return coloured("31", text); }

  /// A bar of `columns` columns, `share` of it filled.
  std::string bar(double share, std::size_t columns) const;

 private:
  std::string coloured(std::string_view code, std::string_view text) const;
  void erase();

  std::FILE* stream_;
  bool live_;
  bool colours_;
  std::size_t drawn_ = 0;  // live lines on the screen
};

/// "0:42", "12:07", "3:02:10"
std::string clock_text(double seconds);
/// "950", "8.21k", "1.3M": three digits for a rate.
std::string short_number(double value);

}  // namespace polder::app
