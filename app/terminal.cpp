#include "polder/app/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace polder::app {
namespace {

constexpr std::string_view kClearToEnd = "\x1b[0J";

/// Calls `letter` for every visible character and `code` for every colour code.
template <class Letter, class Code>
void walk(std::string_view text, const Letter& letter, const Code& code) {
  std::size_t i = 0;
  while (i < text.size()) {
    std::size_t end = i + 1;
    if (text[i] == '\x1b') {
      while (end < text.size() && text[end - 1] != 'm') ++end;
      code(text.substr(i, end - i));
    } else {
      while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) ++end;
      letter(text.substr(i, end - i));
    }
    i = end;
  }
}

}  // namespace

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  walk(
      text, [&](std::string_view) { ++columns; }, [](std::string_view) {});
  return columns;
}

std::string cut_to(std::string_view text, std::size_t columns) {
  std::string kept;
  std::size_t used = 0;
  walk(
      text,
      [&](std::string_view letter) {
        if (used++ < columns) kept += letter;
      },
      [&](std::string_view code) { kept += code; });
  return kept;
}

std::string pad(std::string_view text, std::size_t columns, bool right) {
  const std::size_t used = columns_of(text);
  const std::string space(used < columns ? columns - used : 0, ' ');
  return right ? space + std::string(text) : std::string(text) + space;
}

Screen::Screen(std::FILE* stream) : stream_(stream) {
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  live_ = ::isatty(::fileno(stream)) == 1 && !dumb;
  colours_ = live_ && std::getenv("NO_COLOR") == nullptr;
}

Screen::~Screen() { draw({}); }

std::size_t Screen::width() const {
  winsize size{};
  const bool known = ::ioctl(::fileno(stream_), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

void Screen::print(std::string_view line) {
  erase();
  fmt::print(stream_, "{}\n", line);
  std::fflush(stream_);
}

void Screen::draw(const std::vector<std::string>& lines) {
  if (!live_) return;
  erase();
  const std::size_t columns = width() - 1;
  for (const std::string& line : lines) fmt::print(stream_, "{}\n", cut_to(line, columns));
  drawn_ = lines.size();
  std::fflush(stream_);
}

void Screen::erase() {
  if (drawn_ > 0) fmt::print(stream_, "\x1b[{}A\r{}", drawn_, kClearToEnd);
  drawn_ = 0;
}

std::string Screen::coloured(std::string_view code, std::string_view text) const {
  return colours_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

std::string Screen::bar(double share, std::size_t columns) const {
  const double filled = std::clamp(share, 0.0, 1.0) * static_cast<double>(columns);
  const auto whole = static_cast<std::size_t>(filled);
  std::string full, rest;
  for (std::size_t i = 0; i < whole; ++i) full += "━";
  for (std::size_t i = whole; i < columns; ++i) rest += colours_ ? "━" : "─";
  return accent(full) + dim(rest);
}

std::string clock_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "-:--";
  const auto whole = std::int64_t{std::llround(seconds)};
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string short_number(double value) {
  constexpr std::string_view kSuffix[] = {"", "k", "M", "G"};
  std::size_t i = 0;
  while (std::abs(value) >= 999.5 && i < 3) {
    value /= 1000.0;
    ++i;
  }
  return fmt::format("{:.3g}{}", value, kSuffix[i]);
}

}  // namespace polder::app
