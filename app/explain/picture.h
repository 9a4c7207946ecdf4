#pragma once

#include <string>
#include <vector>

#include "polder/app/explain/trace.h"

namespace polder::app {

/// One rule's walk, by name.
struct NamedWalk {
  std::string name;
  std::vector<Update> updates;
};

/// The landscape with its lines of equal loss, the hyperbola of minima and the walks over it, the
/// first walk last and thickest; beside it update `shown` of the first walk, enlarged, with its
/// looks. A complete SVG file without scripts, readable in print.
std::string picture_of(const std::vector<NamedWalk>& walks, std::size_t shown,
                       const ProductData& data);

/// The same landscape, where a dot makes the first walk step by step: it looks (an open dot jumps
/// to w + epsilon), comes home, and moves. Loops; stands still where animations are not wanted.
std::string animation_of(const std::vector<NamedWalk>& walks, const ProductData& data);

}  // namespace polder::app
