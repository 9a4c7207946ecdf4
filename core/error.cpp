#include "polder/core/error.h"

#include <fmt/format.h>

namespace polder {

void fail_with(fmt::string_view format, fmt::format_args arguments) {
  throw Error(fmt::vformat(format, arguments));
}

}  // namespace polder
