#pragma once

#include <fmt/core.h>

#include <source_location>
#include <string>
#include <string_view>

namespace polder::kernels::cuda {

/// "conv2d.cpp:41"
inline std::string place(const std::source_location& where) {
  const std::string_view file = where.file_name();
  return fmt::format("{}:{}", file.substr(file.rfind('/') + 1), where.line());
}

}  // namespace polder::kernels::cuda
