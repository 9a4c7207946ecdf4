#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace polder {

/// The candidate with the smallest edit distance to `word` (Levenshtein), or "" without candidates.
std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates);

/// "a, b, c"
std::string join(const std::vector<std::string>& words, std::string_view separator = ", ");

}  // namespace polder
