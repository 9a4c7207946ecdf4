#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "polder/app/config.h"

namespace polder::app {

/// The domains of a run: angles by which images are rotated, and the one that is tested and not
/// trained on. No angles: no domains.
struct Domains {
  std::vector<double> angles;
  std::optional<std::int64_t> left_out;

  /// Positions in `angles` that are trained on, and tested.
  std::vector<std::int64_t> trained() const;
  std::vector<std::int64_t> tested() const;
};

/// Reads `domains` and `leave_out`. Throws Error when an angle is no number or appears twice, a
/// domain is alone, or the one left out is none of them.
Domains domains_of(const Config& config);

}  // namespace polder::app
