#pragma once

#include <string_view>

namespace polder::app {

/// The style sheet of a report: light, dark, phone and print.
std::string_view page_style();

}  // namespace polder::app
