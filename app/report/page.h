#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace polder::app {

/// Pieces of a report. All texts are escaped here; `svg` and `html` arguments are taken as they
/// are.

/// A picture or a table with its heading and what to see in it; "" without one.
std::string figure(std::string_view heading, const std::string& html, std::string_view caption);
/// A section of figures side by side where there is room; "" when all are empty.
std::string section(std::string_view heading, const std::vector<std::string>& html);
/// Large numbers with a word below each.
std::string key_numbers(const std::vector<std::pair<std::string, std::string>>& value_and_word);

/// A table. Cells are escaped; the first column is text, the others are numbers.
struct Table {
  std::vector<std::string> head{};
  std::vector<std::vector<std::string>> rows{};
  std::string note{};
};
std::string table(const Table& table);

/// Text to be read as it is, folded away until asked for.
std::string folded(std::string_view heading, std::string_view text);

/// The whole page: nothing in it comes from elsewhere.
std::string page(std::string_view title, std::string_view lead, const std::string& html);

}  // namespace polder::app
