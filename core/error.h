#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>

namespace polder {

/// A user's mistake: names the function, what was found and what was wanted, in one sentence.
/// Example: `matmul: inner sizes differ: [4, 3] x [5, 2]`.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

[[noreturn]] void fail_with(fmt::string_view format, fmt::format_args arguments);

/// Throws Error with the formatted sentence.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  fail_with(format, fmt::make_format_args(args...));
}

/// Throws Error with the formatted sentence unless `condition` holds.
template <class... Args>
void require(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) [[unlikely]]
    fail_with(format, fmt::make_format_args(args...));
}

}  // namespace polder
