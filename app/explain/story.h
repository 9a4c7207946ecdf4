#pragma once

#include <string>
#include <vector>

#include "polder/app/explain/trace.h"

namespace polder::app {

/// One update in the papers' symbols with the numbers it had, a line each, at most 100 columns:
/// every look (where, on which rows, what it saw), the perturbation it was made with, G beside the
/// clean gradient, the weights afterwards.
std::vector<std::string> story_of(const Update& update);

/// Where a walk ended: its loss, and a^2 + b^2, to which the Hessian's eigenvalue is proportional
/// along the minima.
std::vector<std::string> ending_of(const std::vector<Update>& walk, const ProductData& data);

}  // namespace polder::app
