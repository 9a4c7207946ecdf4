#pragma once

#include <source_location>
#include <string_view>

namespace polder::kernels::emulated::machine {

/// A collective that a kernel called, and where: what messages name.
struct Call {
  const char* name = "";
  std::source_location where;
};

inline bool is_same_line(const Call& a, const Call& b) {
  return a.where.line() == b.where.line() && a.where.column() == b.where.column() &&
         (a.where.file_name() == b.where.file_name() ||
          std::string_view(a.where.file_name()) == b.where.file_name());
}

}  // namespace polder::kernels::emulated::machine
