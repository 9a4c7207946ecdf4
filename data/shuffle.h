#pragma once

#include <cstdint>
#include <vector>

#include "polder/core/random.h"

namespace polder::data {

/// A permutation of `items` by Fisher-Yates with the numbers of `key`.
std::vector<std::int64_t> shuffled(std::vector<std::int64_t> items, RandomKey key);

}  // namespace polder::data
