#pragma once

#include <fmt/core.h>

#include <algorithm>

namespace polder {

/// Base of the fmt formatters of core types: prints to_string(value). Because fmt formats only when
/// a message is really made, `require(ok, "... {}", shape)` costs nothing while ok holds.
template <class T>
struct TextFormatter {
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
  auto format(const T& value, fmt::format_context& context) const {
    const auto text = to_string(value);
    return std::copy(text.begin(), text.end(), context.out());
  }
};

}  // namespace polder
